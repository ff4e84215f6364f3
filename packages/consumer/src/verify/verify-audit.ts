/**
 * The chains against AUDIT, in both directions. Every message is in exactly one chain, unchanged. And for every entry
 * that is made from a message, AUDIT has that message, if it should still have it. While AUDIT is read in order, the
 * writer's decisions are made again: which event is new, how much an erased one moved, and at which time.
 *
 * All numbers are the ledger's.
 */
import { readMessage, type VerifiedEntry } from '@waybill/schema';
import type { DataCheck } from '@waybill/schema/internal';
import type { Era } from '../audit/eras.ts';
import type { StreamMessage } from '../nats/stream-item.ts';
import type { AuditChains } from './audit-chains.ts';
import { type AuditClaims, type AuditClaimsOptions, createAuditClaims } from './audit-claims.ts';
import type { Place } from './claim-index.ts';
import type { MessageReading } from './entry-claim.ts';
import { createMessageJudge, type Finding, ownerOf } from './message-judge.ts';
import type { AuditCounts, AuditProblem } from './audit-report.ts';
import type { SequenceGap } from './recorded-gaps.ts';
import { createUnmetClaims, type Unmet } from './unmet-claims.ts';

export interface AuditCheckOptions extends AuditClaimsOptions {
  /** The same as the consumer's, when it has event types of its own. */
  readonly checkData?: DataCheck;
  /** Messages on `<controlPrefix>.>` are operators'. */
  readonly controlPrefix: string;
}

export interface AuditCheck {
  /**
   * Adds a good entry of the ledger; call it for all of them before `compare`.
   *
   * @returns what is wrong with it, or null
   */
  addEntry(verified: VerifiedEntry): string | null;
  /** Compares one message. Call it in the stream's order. */
  compare(message: Omit<StreamMessage, 'kind'>): AuditProblem[];
  /** AUDIT was read up to `last`. @returns the claims that no message was compared with */
  finish(last: number): readonly Unmet[];
  /** The numbers of these claims. */
  numbersOf(unmet: Unmet): number[];
  /** Whether an entry is made from a message in between that was not compared yet. */
  expectsMessage(between: SequenceGap): boolean;
  /**
   * Looks at numbers at which AUDIT has no message.
   *
   * @returns the first that no chain has and `_system` does not account for; null when there is none
   */
  unaccounted(gap: SequenceGap): number | null;
  /** The highest number of an entry's message. */
  readonly highest: number;
  /** Entries whose messages are after the end of a stream that somebody else owns. */
  readonly beyond: { readonly first: number; readonly count: number } | null;
  readonly counts: AuditCounts;
}

export function createAuditCheck(options: AuditCheckOptions): AuditCheck {
  const { eras } = options;
  const claims = createAuditClaims(options);
  const { index, counts } = claims;
  const unmet = createUnmetClaims(eras, claims);
  const comparePart = createPartComparison(options, claims);

  return {
    addEntry: claims.add,
    compare({ seq, subject, received, payload }) {
      unmet.passTo(seq - 1);
      const read = readMessage(subject, payload, options);
      const parts = read.form === 'batch' ? read.elements : [{ index: undefined, payload, reading: read.reading }];
      const problems: AuditProblem[] = [];
      for (const { index: at, payload: own, reading } of parts) {
        const finding = comparePart({ place: { seq, index: at }, subject, received, payload: own, reading });
        if (finding) problems.push({ seq, ...(at !== undefined && { index: at }), ...finding });
      }
      unmet.passMessage(seq);
      return problems;
    },
    finish(last) {
      for (const era of eras) unmet.passTo(Math.min(era.last, last));
      return unmet.found;
    },
    numbersOf({ first, last }) {
      const found: number[] = [];
      index.eachUnsettled(first, last, (seq) => found.push(seq));
      return found;
    },
    expectsMessage({ first, last }) {
      let isExpected = false;
      index.eachUnsettled(first, last, () => {
        isExpected = true;
      });
      return isExpected;
    },
    unaccounted: (gap) => findUnaccounted(gap, claims),
    get highest() {
      return claims.highest;
    },
    get beyond() {
      return claims.beyond;
    },
    counts,
  };
}

/** A message, or an event of one that holds several: with its own bytes. */
interface Part {
  readonly place: Place;
  readonly subject: string;
  readonly received: string;
  readonly payload: Uint8Array;
  readonly reading: MessageReading;
}

function createPartComparison({ bind }: AuditCheckOptions, claims: AuditClaims): (part: Part) => Finding | null {
  const { index, labels, gaps, chains, counts, isRead, eraOf } = claims;
  const judge = createMessageJudge(claims);

  return (part) => {
    const { place, reading } = part;
    const label = labels.get(index.labelAt(place));
    if (label) {
      counts.compared++;
      index.settle(place);
      return judge(label, { ...part, states: chains.get(eraOf(place.seq) as Era) as AuditChains });
    }
    // The chains of other organizations were not read. What is no event of anybody has to be in `_system`.
    if (reading.ok && !isRead(ownerOf(reading))) return null;
    counts.compared++;
    const what = nameOf(reading);
    if (!gaps.gapAt(place.seq)) return { kind: 'not_chained', verdict: 'incomplete', detail: `${what} is in no chain` };
    // Somebody else's stream may have been restored with what was deleted.
    const verdict = bind ? 'incomplete' : 'tampered';
    return { kind: 'misjudged', verdict, detail: `${what} is recorded in _system as if it were not there` };
  };
}

function nameOf(reading: MessageReading): string {
  if (!reading.ok) return `the message (${reading.reason})`;
  return `the ${'acknowledged' in reading ? 'acknowledgement for' : 'event of'} ${ownerOf(reading)}`;
}

function findUnaccounted({ first, last }: SequenceGap, { index, gaps }: AuditClaims): number | null {
  for (let seq = first; seq <= last; seq++) {
    if (index.has(seq)) continue;
    const gap = gaps.reasonAt(seq);
    if (!gap) return seq;
    seq = gap.last;
  }
  return null;
}
