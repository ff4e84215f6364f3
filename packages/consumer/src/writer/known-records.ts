/** Records in `_system` that this version does not know: a newer version wrote them, and this one must not go on. */
import type { JetStreamManager } from '@nats-io/jetstream';
import { isKnownKind, show, SYSTEM_CHAIN } from '@waybill/schema/internal';
import { ConsumerError } from '../errors.ts';
import type { Settings } from '../settings.ts';
import { newestBlock } from '../ledger/find-block.ts';
import { entryAt } from '../ledger/stored-block.ts';

/**
 * Checks the newest block of `_system` only: reading all of it would slow a start down with each rejected message.
 * Entries and blocks of a newer format are found wherever they are read.
 *
 * @throws ConsumerError NEWER_LEDGER, LEDGER_DAMAGED
 */
export async function checkKnownRecords(jsm: JetStreamManager, settings: Settings): Promise<void> {
  const block = await newestBlock(jsm, settings, SYSTEM_CHAIN);
  if (!block) return;
  for (let i = 0; i < block.lines.length; i++) {
    const { core, event } = entryAt(settings, block, i);
    if (event === null || isKnownKind(event)) continue;
    throw new ConsumerError(
      'NEWER_LEDGER',
      `stream ${settings.ledgerStream}, sequence ${block.streamSeq}: entry ${core.seq} of ${SYSTEM_CHAIN} is of the kind ` +
        `${show(event['kind'])}, which this version does not know: it writes nothing`,
    );
  }
}
