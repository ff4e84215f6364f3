/**
 * The chains against AUDIT, in both directions: every message is in exactly one chain, as it is; and every entry that is
 * made from a message AUDIT should have is met by exactly one. While AUDIT is read in order, the ledger's decisions are
 * made again: which event is new, what an erased one moved, and at which time.
 *
 * All numbers are the ledger's.
 */
import {
  type DataCheck,
  EPOCH_STRIDE,
  type JsonObject,
  readMessage,
  type Reading,
  standsForNoMessage,
  SYSTEM_CHAIN,
  type VerifiedEntry,
  type Volume,
} from '@waybill/schema';
import { asEpochRecord } from '../audit/epoch.ts';
import type { Era } from '../audit/eras.ts';
import { type AuditChains, createAuditChains } from './audit-chains.ts';
import { claimOf, createLabels, type Label } from './audit-claim.ts';
import { createAuditIndex, type Place } from './audit-index.ts';
import { createMessageJudge } from './audit-judge.ts';
import { type AuditCounts, type AuditProblem, noAuditCounts } from './audit-report.ts';
import { createRecordedGaps, type SequenceGap } from './recorded-gaps.ts';

interface AuditMessage {
  readonly seq: number;
  readonly subject: string;
  readonly received: string;
  readonly payload: Uint8Array;
}

export interface AuditCheckOptions {
  readonly stream: string;
  readonly subjectPrefix: string;
  /** What of AUDIT is at hand; ascending. */
  readonly eras: readonly Era[];
  /** The stream is somebody else's, who may delete it and make it anew. */
  readonly bind: boolean;
  /** Only this chain and `_system` were read. */
  readonly orgid?: string;
  /** The first entries of that chain were not read. */
  readonly isCut?: boolean;
  /** As the consumer's, when it has event types of its own. */
  readonly checkData?: DataCheck;
}

/** Entries, one after the other, that no message was compared with. */
export interface Unmet extends SequenceGap {
  readonly count: number;
  /** Of these, those that are erased and of which `_system` does not say that there never was a message. */
  readonly erased: number;
  /** The first that is not. */
  readonly firstBad: number;
  /** There is a message of this number. Otherwise there is one only if it was not read. */
  readonly isThere: boolean;
}

export interface AuditCheck {
  /** Takes in an entry of the ledger. @returns what is wrong with it, or null */
  takeEntry(verified: VerifiedEntry): string | null;
  /** Compares one message; call it in the stream's order, after all entries. */
  compare(message: AuditMessage): AuditProblem[];
  /** Nothing more of AUDIT is read; what is up to `last` was. @returns entries that no message was compared with */
  finish(last: number): readonly Unmet[];
  /** The numbers of those. */
  numbersOf(unmet: Unmet): number[];
  /** Whether an entry between is made from a message that was not compared yet. */
  expects(between: SequenceGap): boolean;
  /** Of numbers at which AUDIT has nothing (any more): the first that no chain knows and `_system` does not mention; null when all are accounted for. */
  unaccounted(gap: SequenceGap): number | null;
  /** The highest number of an entry's message. */
  readonly highest: number;
  /** Entries of messages after the last one of a stream that somebody else owns. */
  readonly beyond: { readonly first: number; readonly count: number } | null;
  readonly counts: AuditCounts;
}

export function createAuditCheck(options: AuditCheckOptions): AuditCheck {
  const { stream, subjectPrefix, eras, bind, orgid, isCut, checkData } = options;
  const readOptions = { subjectPrefix, ...(checkData && { checkData }) };
  const index = createAuditIndex();
  const labels = createLabels();
  const gaps = createRecordedGaps();
  const repeating = new Set<string>();
  /** An erased record may be of an event of any organization. */
  let anyRepeating = false;
  const sized = new Set<string>();
  /** Volumes of erased entries that took a size. */
  const taken = new Map<string, Volume>();
  const cut = isCut === true ? orgid : undefined;
  const chains = new Map<Era, AuditChains>(
    eras.map((era) => [era, createAuditChains({ isRepeating, sized, cut })] as const),
  );
  const newest = eras.at(-1);
  const counts = noAuditCounts();
  const unmet: Unmet[] = [];
  let highest = 0;
  let beyond: { first: number; count: number } | null = null;
  let swept = 0;

  const judge = createMessageJudge({ index, taken, counts, isRead });

  function isRepeating(chain: string): boolean {
    return anyRepeating || repeating.has(chain);
  }

  function isRead(chain: string): boolean {
    return orgid === undefined || chain === orgid;
  }

  function eraOf(seq: number): Era | undefined {
    return eras.find(({ first, last }) => seq >= first && seq <= last);
  }

  function takeEntry(verified: VerifiedEntry): string | null {
    const { entry, isErased, origin } = verified;
    const { core } = entry;
    const { seq, index: at } = core.source;
    // Of an organization's event nothing has to be read: that costs as much as the rest.
    const event = core.orgid === SYSTEM_CHAIN ? entry.event : null;
    if (event !== null && standsForNoMessage(event)) return null;
    if (event?.['kind'] === 'epoch') return takeEpoch(event, seq);
    if (newest && seq > newest.last) return takeBeyond(seq, newest);
    if (event?.['kind'] === 'gap') return gaps.take(event, seq);
    for (const [era, states] of chains) if (seq < era.first) states.pass(verified);
    note(verified, event);
    highest = Math.max(highest, seq);
    const place = { seq, index: at };
    const { label, digest } = claimOf(core, { origin, event, isErased }, labels);
    const before = index.claim(place, label.number, digest);
    if (before !== 0)
      return `message ${print(place)} of ${stream} is in the chain of ${labels.get(before)?.chain} already`;
    if (!isWanted(core.orgid, core.source.subject, event)) index.settle(place);
    return null;
  }

  /** AUDIT's end was looked up when the ledger's was known. Somebody else's may have been restored without its end. */
  function takeBeyond(seq: number, { base, last }: Era): string | null {
    if (bind) {
      beyond = { first: beyond?.first ?? seq, count: (beyond?.count ?? 0) + 1 };
      return null;
    }
    return `it is of message ${seq - base} of ${stream}, which ends at ${last - base}`;
  }

  /** What is to be known of the entry when its message comes. */
  function note({ entry: { core }, isErased }: VerifiedEntry, event: JsonObject | null): void {
    const { seq, index: at, stream: named } = core.source;
    const era = eraOf(seq);
    if (!era) {
      if (newest && seq < newest.base) counts.earlier++;
      else if (newest && seq < newest.first) counts.expired++;
      return;
    }
    if (era === newest && named !== stream) counts.otherStream++;
    const isRepeated = event?.['kind'] === 'duplicate' || event?.['kind'] === 'beyond_window';
    if (isRepeated && typeof event['orgid'] === 'string') repeating.add(event['orgid']);
    if (isErased && core.orgid === SYSTEM_CHAIN) anyRepeating = true;
    if (!isErased || core.volume.kind !== 'deduplicated') return;
    sized.add(core.orgid);
    if (core.volume.from !== undefined) taken.set(`${seq} ${at}`, core.volume);
  }

  /** Whether a message has to be found for an entry: of `_system`, only for what is about the organization. */
  function isWanted(chain: string, subject: string, event: JsonObject | null): boolean {
    if (isRead(chain)) return true;
    return event?.['orgid'] === orgid || (orgid !== undefined && namesOrganization(subject, subjectPrefix, orgid));
  }

  function takeEpoch(event: JsonObject, seq: number): string | null {
    if (!bind) {
      return (
        `an epoch is recorded, but ${stream} is a stream of our own, which has none ` +
        '(of a stream that somebody else owns: WAYBILL_STREAM_MODE=bind)'
      );
    }
    const record = asEpochRecord(event);
    if (!record || record.epoch * EPOCH_STRIDE !== seq || record.watermark >= seq || record.first > EPOCH_STRIDE)
      return `the epoch ${JSON.stringify(event['epoch'])} is recorded at ${seq}`;
    gaps.lose({ first: record.watermark + 1, last: seq + record.first - 1 });
    if (newest && seq < newest.base) counts.epochs++;
    return null;
  }

  function compare(message: AuditMessage): AuditProblem[] {
    const { seq, subject, payload } = message;
    sweep(seq - 1);
    const read = readMessage(subject, payload, readOptions);
    const parts = read.form === 'single' ? [{ index: undefined, payload, reading: read.reading }] : read.elements;
    const problems: AuditProblem[] = [];
    for (const { index: at, payload: own, reading } of parts) {
      const place = { seq, index: at };
      const problem = comparePart({ ...message, payload: own }, place, reading);
      if (problem) problems.push({ seq, ...(at !== undefined && { index: at }), ...problem });
    }
    collect(seq, seq, true);
    swept = seq;
    return problems;
  }

  function comparePart(message: AuditMessage, place: Place, reading: Reading): Omit<AuditProblem, 'seq'> | null {
    const label = labels.get(index.labelAt(place));
    if (!label) {
      // Of others, nothing is known here. What is no event of anybody is to be in `_system`.
      if (reading.ok && !isRead(reading.orgid)) return null;
      counts.compared++;
      const what = reading.ok ? `the event of ${reading.orgid}` : `the message (${reading.reason})`;
      if (gaps.at(place.seq)) {
        // Somebody else's stream may have been restored with what was deleted.
        const verdict = bind ? 'incomplete' : 'tampered';
        return { kind: 'misjudged', verdict, detail: `${what} is recorded in _system as if it were not there` };
      }
      return { kind: 'not_chained', verdict: 'incomplete', detail: `${what} is in no chain` };
    }
    counts.compared++;
    index.settle(place);
    const states = chains.get(eraOf(place.seq) as Era) as AuditChains;
    return judge(label, { ...message, place, reading, states });
  }

  /** Entries up to a number for which no message came. */
  function sweep(last: number): void {
    for (const era of eras) {
      const from = Math.max(swept + 1, era.first);
      const to = Math.min(last, era.last);
      if (from <= to) collect(from, to, false);
    }
    swept = Math.max(swept, last);
  }

  function collect(from: number, to: number, isThere: boolean): void {
    const run = { first: 0, last: 0, count: 0, erased: 0, firstBad: 0, isThere };
    index.eachUnsettled(from, to, (seq, number) => {
      const label = labels.get(number) as Label;
      chains.get(eraOf(seq) as Era)?.lose(label.chain);
      if (run.count++ === 0) run.first = seq;
      run.last = seq;
      const isErased = label.form === 'erased' || label.form === 'erased_record';
      if (isErased && !isThere && !gaps.at(seq)) run.erased++;
      else if (run.firstBad === 0) run.firstBad = seq;
    });
    if (run.count > 0) unmet.push(run);
  }

  return {
    takeEntry,
    compare,
    finish(last) {
      for (const era of eras) sweep(Math.min(era.last, last));
      return unmet;
    },
    numbersOf({ first, last }) {
      const found: number[] = [];
      index.eachUnsettled(first, last, (seq) => found.push(seq));
      return found;
    },
    expects({ first, last }) {
      let isExpected = false;
      index.eachUnsettled(first, last, () => {
        isExpected = true;
      });
      return isExpected;
    },
    unaccounted({ first, last }) {
      for (let seq = first; seq <= last; seq++) {
        if (index.has(seq)) continue;
        const gap = gaps.why(seq);
        if (!gap) return seq;
        seq = gap.last;
      }
      return null;
    },
    get highest() {
      return highest;
    },
    get beyond() {
      return beyond;
    },
    counts,
  };
}

/** Whether one organization's verification reads the subject as that organization's: a longer one with the same end is nobody's. */
function namesOrganization(subject: string, prefix: string, orgid: string): boolean {
  if (!subject.startsWith(`${prefix}.`) || !subject.endsWith(`.${orgid}`)) return false;
  return subject.slice(prefix.length + 1).split('.').length === TOKENS_WITH_ORGANIZATION;
}

/** After the prefix: target, action and organization. Those of two are Chainloop's. */
const TOKENS_WITH_ORGANIZATION = 3;

function print({ seq, index }: Place): string {
  return index === undefined ? String(seq) : `${seq}, index ${index},`;
}
