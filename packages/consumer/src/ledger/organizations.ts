import type { JetStreamManager } from '@nats-io/jetstream';
import { ORGID_PATTERN, parseLedgerSubject } from '@waybill/schema';
import { explain } from '../nats/nats-error.ts';
import type { LedgerPlace } from './find-block.ts';

/** Every organization that has a chain, sorted; the reserved chains (`_system`, `_unattributed`) are of none. */
export async function listOrganizations(jsm: JetStreamManager, ledger: LedgerPlace): Promise<string[]> {
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

/** By UTF-16 units, wherever this runs: the order must not depend on a locale. */
function byName(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}
