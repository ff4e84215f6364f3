/** One pass over `_system`: what of a period came again, came too late, was no event, or was lost before it was read. */
import type { JetStreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/nats-core';
import { parseEventSubject } from '@waybill/schema';
import { isControlSubject, isReservedChain, type Json, type JsonObject, SYSTEM_CHAIN } from '@waybill/schema/internal';
import type { Settings } from '../settings.ts';
import type { BillPeriod } from './bill-period.ts';
import { readEntries } from './read-entries.ts';

/** Decimals. */
interface SystemCounts {
  readonly duplicates: string;
  readonly beyond_window: string;
  /** Of messages that name the organization or none. */
  readonly rejected: string;
}

export interface SystemScan {
  countsOf(orgid: string): SystemCounts;
  /**
   * Numbers of AUDIT without a message between two of its places. Places and not times: a gap's record has the time of
   * what comes after the gap, or none of its own.
   *
   * @param first null: from the beginning of the period
   */
  gapsBetween(first: number | null, last: number): string;
}

interface ScanRequest {
  readonly nc: NatsConnection;
  readonly jsm: JetStreamManager;
  readonly settings: Settings;
  readonly ledgerEnd: number;
  readonly period: Pick<BillPeriod, 'cuts'>;
}

type Counted = 'duplicate' | 'beyond_window' | 'rejected';
/** For messages that name no organization. */
const NOBODY = '';

/**
 * Reads what was received before the end of the period. Memory grows with the number of gaps, and of organizations that
 * have such records.
 *
 * @throws ConsumerError LEDGER_DAMAGED, NO_ANSWER …
 */
export async function scanSystem({ period, ...request }: ScanRequest): Promise<SystemScan> {
  const [from = '', to = ''] = [period.cuts[0], period.cuts.at(-1)];
  const counts = new Map<string, number>();
  const gaps: { first: number; last: number; isInPeriod: boolean }[] = [];

  function count(kind: Counted, orgid: string): void {
    const name = `${kind} ${orgid}`;
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }

  for await (const { core, event } of readEntries({ ...request, orgid: SYSTEM_CHAIN })) {
    if (core.received >= to) break;
    if (event === null) continue;
    const isInPeriod = core.received >= from;
    if (event['kind'] === 'gap') gaps.push({ first: Number(event['first']), last: Number(event['last']), isInPeriod });
    if (!isInPeriod) continue;
    if (event['kind'] === 'rejected' && mayBeEvent(event, request.settings))
      count('rejected', namedBy(event, request.settings));
    if (event['kind'] === 'duplicate' || event['kind'] === 'beyond_window')
      count(event['kind'], textOf(event['orgid']));
  }

  const sum = (kind: Counted, orgids: readonly string[]): string =>
    String(orgids.reduce((total, orgid) => total + (counts.get(`${kind} ${orgid}`) ?? 0), 0));
  return {
    countsOf: (orgid) => ({
      duplicates: sum('duplicate', [orgid]),
      beyond_window: sum('beyond_window', [orgid]),
      rejected: sum('rejected', [orgid, NOBODY]),
    }),
    gapsBetween(first, last) {
      // An entry stands at both places, so that no gap reaches beyond them.
      const within = gaps.filter((gap) => gap.last < last && (first === null ? gap.isInPeriod : gap.first > first));
      return String(within.reduce((total, gap) => total + BigInt(gap.last) - BigInt(gap.first) + 1n, 0n));
    },
  };
}

/** What is on the subjects of operators was no event of anybody. */
function mayBeEvent({ subject }: JsonObject, { controlPrefix }: Settings): boolean {
  return !isControlSubject(textOf(subject), controlPrefix);
}

/** The organization that a message's subject names. */
function namedBy({ subject }: JsonObject, { auditPrefix }: Settings): string {
  const orgid = parseEventSubject(textOf(subject), auditPrefix)?.orgid;
  return orgid === undefined || isReservedChain(orgid) ? NOBODY : orgid;
}

function textOf(value: Json | undefined): string {
  return typeof value === 'string' ? value : '';
}
