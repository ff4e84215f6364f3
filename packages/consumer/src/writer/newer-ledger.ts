/** What a newer version has written ends writing: this one would go on without knowing what it says. */
import type { JetStreamManager } from '@nats-io/jetstream';
import { isKnownKind, show, SYSTEM_CHAIN } from '@waybill/schema';
import { ConsumerError } from '../errors.ts';
import type { Settings } from '../settings.ts';
import { entryAt, newestBlock } from '../ledger/find-block.ts';

/**
 * Looks at the newest block of `_system`. Entries and blocks of a newer version are refused wherever they are read.
 *
 * @throws ConsumerError NEWER_LEDGER, LEDGER_DAMAGED
 */
export async function refuseNewerRecords(jsm: JetStreamManager, settings: Settings): Promise<void> {
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
