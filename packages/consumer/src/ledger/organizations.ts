import type { JetStreamManager } from '@nats-io/jetstream';
import { ORGID_PATTERN, parseLedgerSubject } from '@waybill/schema';
import type { LedgerPlace } from './find-block.ts';
import { explain } from '../nats/nats-error.ts';

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

/** Calls `work` for every item, `width` at a time; results in the items' order. */
export async function inParallel<T, R>(
  items: readonly T[],
  width: number,
  work: (item: T) => Promise<R>,
): Promise<R[]> {
  const results: R[] = Array.from({ length: items.length });
  let next = 0;
  async function worker(): Promise<void> {
    while (next < items.length) {
      const index = next++;
      results[index] = await work(items[index] as T);
    }
  }
  await Promise.all(Array.from({ length: Math.min(width, items.length) }, worker));
  return results;
}
