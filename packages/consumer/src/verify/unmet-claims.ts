/** Claims that no message was compared with: found while AUDIT is read, up to the last number that was read. */
import type { Era } from '../audit/eras.ts';
import type { Label } from './entry-claim.ts';
import type { AuditClaims } from './audit-claims.ts';
import type { SequenceGap } from './recorded-gaps.ts';

/** Claims in a row, without a message that was compared with one of them. */
export interface Unmet extends SequenceGap {
  readonly count: number;
  /** How many are of erased entries, and `_system` does not say that there never was a message. */
  readonly erased: number;
  /** The first of the others; 0 when there is none. */
  readonly firstBad: number;
  /** AUDIT has a message of this number. Otherwise it has none, unless that was not read. */
  readonly hasMessage: boolean;
}

export interface UnmetClaims {
  /** Collects the claims of numbers up to `last` for which no message came. */
  passTo(last: number): void;
  /** Collects the claims of a message that was compared with none of them. */
  passMessage(seq: number): void;
  readonly found: readonly Unmet[];
}

export function createUnmetClaims(eras: readonly Era[], claims: AuditClaims): UnmetClaims {
  const { index, labels, gaps, chains, eraOf } = claims;
  const found: Unmet[] = [];
  let passed = 0;

  function collect({ first, last }: SequenceGap, hasMessage: boolean): void {
    const unmet = { first: 0, last: 0, count: 0, erased: 0, firstBad: 0, hasMessage };
    index.eachUnsettled(first, last, (seq, number) => {
      const { chain, form } = labels.get(number) as Label;
      chains.get(eraOf(seq) as Era)?.addMissing(chain);
      if (unmet.count++ === 0) unmet.first = seq;
      unmet.last = seq;
      const isErased = form === 'erased' || form === 'erased_record';
      if (isErased && !hasMessage && !gaps.gapAt(seq)) unmet.erased++;
      else if (unmet.firstBad === 0) unmet.firstBad = seq;
    });
    if (unmet.count > 0) found.push(unmet);
  }

  return {
    passTo(last) {
      for (const era of eras) {
        const range = { first: Math.max(passed + 1, era.first), last: Math.min(last, era.last) };
        if (range.first <= range.last) collect(range, false);
      }
      passed = Math.max(passed, last);
    },
    passMessage(seq) {
      collect({ first: seq, last: seq }, true);
      passed = seq;
    },
    found,
  };
}
