/** The AUDIT stream against the chains: every message in exactly one chain, with the same content and time. */
import {
  type DataCheck,
  type Entry,
  EPOCH_STRIDE,
  type JsonObject,
  readMessage,
  standsForNoMessage,
  SYSTEM_CHAIN,
  type VerifiedEntry,
} from '@waybill/schema';
import { createHash } from 'node:crypto';
import { type Claim, createAuditIndex } from './audit-index.ts';
import { asEpochRecord } from './epoch.ts';
import { onlyReading } from './only-reading.ts';
import { nodeSha256 } from './sha256.ts';

export interface AuditProblem {
  /** In the AUDIT stream. */
  readonly seq: number;
  readonly kind: 'not_chained' | 'altered' | 'misjudged' | 'lost';
  readonly detail: string;
}

export interface AuditCheckOptions {
  readonly stream: string;
  readonly subjectPrefix: string;
  /** What is added to the stream's numbers (epoch.ts): all numbers here are the ledger's. Default: 0. */
  readonly base?: number;
  /** The first sequence that is compared. */
  readonly first: number;
  /** Only this organization's chain and `_system` were read: messages of others are not looked at. */
  readonly orgid?: string;
  /** As the consumer's, when it has event types of its own. */
  readonly checkData?: DataCheck;
}

export interface AuditCheck {
  /** Takes in an entry of the ledger. @returns what is wrong with it, or null */
  takeEntry(verified: VerifiedEntry): string | null;
  /** Compares one message; call it in the stream's order, after all entries. @returns what is wrong, or null */
  compare(message: { seq: number; subject: string; received: string; payload: Uint8Array }): AuditProblem | null;
  /** Of sequence numbers at which AUDIT has nothing (any more): the first that no chain knows and `_system` does not mention; null when all are accounted for. */
  unaccounted(gap: SequenceGap): number | null;
  /** The opposite: those that a chain has. @returns the first and how many, or null; not of an erased event */
  chainedIn(gap: SequenceGap): { first: number; count: number } | null;
  readonly compared: number;
  /** Entries of earlier epochs: the stream that they are made from is gone. */
  readonly earlier: number;
}

interface SequenceGap {
  readonly first: number;
  readonly last: number;
}

/** How the index tells records of messages that were chained before from records of messages that are no events. */
const DUPLICATES = `${SYSTEM_CHAIN} (duplicate)`;

export function createAuditCheck(options: AuditCheckOptions): AuditCheck {
  const { stream, subjectPrefix, base = 0, first, orgid, checkData } = options;
  const readOptions = { subjectPrefix, ...(checkData && { checkData }) };
  const index = createAuditIndex();
  /** `received` of each chain's last entry before the one that is compared next: times never go back in a chain. */
  const latest = new Map<string, string>();
  /** Ascending, because `_system` is in AUDIT's order. */
  const gaps: SequenceGap[] = [];
  /** What was lost when an epoch began, if no chain has it. May overlap with gaps. */
  const losses: SequenceGap[] = [];
  /** Of erased events, whose messages may have been erased as well. */
  const erased = new Set<number>();
  let compared = 0;
  let earlier = 0;

  function takeEntry({ entry, isErased }: VerifiedEntry): string | null {
    const { core } = entry;
    // Of an organization's event nothing has to be read: that costs as much as the rest.
    const event = core.orgid === SYSTEM_CHAIN ? entry.event : null;
    // In an earlier epoch the stream may have had another name.
    if (core.source.stream !== stream && core.source.seq > base) return null;
    if (core.orgid === SYSTEM_CHAIN && standsForNoMessage(event)) return null;
    const { seq } = core.source;
    if (core.orgid === SYSTEM_CHAIN && event?.['kind'] === 'epoch') return takeEpoch(event, seq);
    if (seq < base) earlier++;
    if (core.orgid === SYSTEM_CHAIN && event?.['kind'] === 'gap') return takeGap(event, seq);
    if (isErased) erased.add(seq);
    if (seq < first) latest.set(core.orgid, core.received);
    const other = index.claim(seq, labelOf(core.orgid, event), claimOf({ core, event }));
    return other === null
      ? null
      : `message ${seq > base ? seq - base : seq} of ${stream} is in the chain of ${other} already`;
  }

  function takeEpoch(event: JsonObject, seq: number): string | null {
    const record = asEpochRecord(event);
    if (!record || record.epoch * EPOCH_STRIDE !== seq || record.watermark >= seq)
      return `the epoch ${JSON.stringify(event['epoch'])} is recorded at ${seq}`;
    losses.push({ first: record.watermark + 1, last: seq + record.first - 1 });
    return null;
  }

  function takeGap(record: JsonObject, seq: number): string | null {
    const gap = { first: Number(record['first']), last: Number(record['last']) };
    if (!(gap.first >= 1 && gap.last >= gap.first) || gap.last !== seq)
      return `the gap ${gap.first} to ${gap.last} is recorded at ${seq}`;
    gaps.push(gap);
    return null;
  }

  function compare({ seq, subject, received, payload }: Parameters<AuditCheck['compare']>[0]): AuditProblem | null {
    const reading = onlyReading(readMessage(subject, payload, readOptions));
    const chain = index.chainOf(seq);
    if (orgid !== undefined && chain !== orgid && (!reading.ok || reading.orgid !== orgid)) return null;
    compared++;
    const problem = (kind: AuditProblem['kind'], detail: string): AuditProblem => ({ seq, kind, detail });
    if (chain === null) {
      return problem(
        'not_chained',
        `${reading.ok ? `the event of ${reading.orgid}` : `the message (${reading.reason})`} is in no chain`,
      );
    }
    if (chain === SYSTEM_CHAIN || chain === DUPLICATES) {
      const contentHash = createHash('sha256').update(payload).digest('hex');
      if (!index.matches(seq, { contentHash, received: '' }))
        return problem('altered', 'the payload is not the one that _system recorded');
      if (reading.ok && chain === SYSTEM_CHAIN)
        return problem('misjudged', `the event of ${reading.orgid} is recorded in _system as if it were none`);
      return null;
    }
    if (!reading.ok)
      return problem('altered', `it is no event (${reading.reason}), and the chain of ${chain} has one from it`);
    if (reading.orgid !== chain)
      return problem('altered', `the event is of ${reading.orgid}, and it is in the chain of ${chain}`);
    const before = latest.get(chain) ?? '';
    const expected = received < before ? before : received;
    latest.set(chain, expected);
    if (index.matches(seq, { contentHash: nodeSha256(reading.canonical), received: expected })) return null;
    return problem('altered', `the event, or the time at which it was stored, is not what the chain of ${chain} has`);
  }

  /** The recorded gap that has a sequence number. */
  function gapAt(seq: number): SequenceGap | null {
    let low = 0;
    let high = gaps.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((gaps[middle] as SequenceGap).last < seq) low = middle + 1;
      else high = middle;
    }
    const gap = gaps[low];
    return gap && gap.first <= seq ? gap : null;
  }

  return {
    takeEntry,
    compare,
    unaccounted({ first: start, last }) {
      for (let seq = start; seq <= last; seq++) {
        if (index.chainOf(seq) !== null) continue;
        const at = seq;
        const gap = gapAt(at) ?? losses.find((loss) => loss.first <= at && at <= loss.last);
        if (!gap) return seq;
        seq = gap.last;
      }
      return null;
    },
    chainedIn(gap) {
      let [start, count] = [0, 0];
      for (let seq = gap.first; seq <= gap.last; seq++) {
        if (index.chainOf(seq) === null || erased.has(seq)) continue;
        if (count++ === 0) start = seq;
      }
      return count === 0 ? null : { first: start, count };
    },
    get compared() {
      return compared;
    },
    get earlier() {
      return earlier;
    },
  };
}

function labelOf(orgid: string, event: JsonObject | null): string {
  return orgid === SYSTEM_CHAIN && event?.['kind'] === 'duplicate' ? DUPLICATES : orgid;
}

function claimOf({ core, event }: Pick<Entry, 'core' | 'event'>): Claim {
  if (core.orgid !== SYSTEM_CHAIN) return { contentHash: core.event_hash, received: core.received };
  // `_system` also has records of gaps, whose times nothing can be compared with, so its times are left out.
  return { contentHash: typeof event?.['sha256'] === 'string' ? event['sha256'] : '', received: '' };
}
