import { type JetStreamManager, jetstreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/nats-core';
import { closest, ORGID_PATTERN, parseLedgerSubject } from '@waybill/schema/internal';
import { explain } from '../nats/nats-error.ts';
import type { LedgerSettings } from './stored-block.ts';

/** Every organization that has a chain, sorted. The reserved chains (`_system`, `_unattributed`) belong to none. */
export async function listOrganizations(jsm: JetStreamManager, ledger: LedgerSettings): Promise<string[]> {
  try {
    const { state } = await jsm.streams.info(ledger.ledgerStream, { subjects_filter: `${ledger.ledgerPrefix}.*` });
    const found: string[] = [];
    for (const subject of Object.keys(state.subjects ?? {})) {
      const orgid = parseLedgerSubject(subject, ledger.ledgerPrefix);
      if (orgid !== null && ORGID_PATTERN.test(orgid)) found.push(orgid);
    }
    return found.toSorted(byName);
  } catch (cause) {
    throw explain(cause, `list the organizations in stream ${ledger.ledgerStream}`);
  }
}

/** By UTF-16 units: the order must not depend on a locale. */
function byName(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}

/**
 * The organization with a chain whose name is nearest to a misspelt one; null when none is near.
 *
 * @throws ConsumerError NO_STREAM, NO_PERMISSION …
 */
export async function similarOrganization(
  nc: NatsConnection,
  ledger: LedgerSettings,
  orgid: string,
): Promise<string | null> {
  const orgids = await listOrganizations(await jetstreamManager(nc, { checkAPI: false }), ledger);
  // Capitals, dashes and underscores are misspelt most often.
  const plain = (text: string): string => text.toLowerCase().replaceAll(/[-_]/g, '');
  const same = orgids.find((one) => plain(one) === plain(orgid));
  return same ?? closest(orgid, orgids, Math.min(2, Math.floor(orgid.length / 3)));
}
