/** What publishers counted and a chain does not have, and what it has twice: derived from `core.origin` alone. */
import type { Origin } from '../event/origin.ts';
import { LEDGER_LIMITS, ProducerWindows, type WindowLimits } from '../ledger/producer-window.ts';

/** Numbers that a publisher gave to events of one organization, and that are not in its chain. */
export interface Hole {
  readonly producer: string;
  readonly first: number;
  readonly last: number;
}

interface HoleReport {
  /** At most `LISTED`. */
  readonly holes: readonly Hole[];
  /** Events in all holes, a decimal number. */
  readonly missing: string;
  /** Events that were chained a second time, because the window had forgotten their publisher. */
  readonly repeated: number;
}

export const LISTED = 100;
const UNBOUNDED: WindowLimits = { producers: Infinity, missing: Infinity, chainMissing: Infinity };
/**
 * Of a part of a chain. Which ranges the writer dropped depends on what is not at hand. Whom it forgot does not: it forgets
 * a publisher when `MAX_PRODUCERS` others have come since, whatever was before.
 */
const OF_A_PART: WindowLimits = { ...UNBOUNDED, producers: LEDGER_LIMITS.producers };

export interface HoleFinder {
  /** The origin of the entry `seq`. @returns what is wrong when the entry should not be here */
  take(seq: number, origin: Origin): string | null;
  /** Of a whole chain: the windows as the writer has them after the last entry. */
  readonly windows: ProducerWindows;
  finish(): HoleReport;
}

/** @param isWhole false when the chain's beginning is not at hand: what a publisher sent before its first event here is not missed */
export function createHoleFinder(isWhole: boolean): HoleFinder {
  /** Everything that came: what is missing, and what came twice. */
  const all = new ProducerWindows(UNBOUNDED);
  const windows = new ProducerWindows(isWhole ? LEDGER_LIMITS : OF_A_PART);
  /** Where each publisher's events begin in a part. */
  const begins = new Map<string, number>();
  let repeated = 0;

  return {
    windows,
    take(seq, { producer, producerseq }) {
      if (!isWhole && !begins.has(producer)) begins.set(producer, producerseq);
      const admission = windows.admit(producer, producerseq, seq);
      if (admission === 'duplicate') return `the event ${producerseq} of producer ${producer} is chained a second time`;
      if (admission === 'beyond_window')
        return `the event ${producerseq} of producer ${producer} is beyond the window of its publisher`;
      if (all.admit(producer, producerseq, seq) === 'duplicate') repeated++;
      return null;
    },
    finish() {
      const holes: Hole[] = [];
      let missing = 0n;
      for (const [producer, window] of all) {
        for (const [first, last] of window.missing) {
          if (last < (begins.get(producer) ?? 0)) continue;
          missing += BigInt(last) - BigInt(first) + 1n;
          if (holes.length < LISTED) holes.push({ producer, first, last });
        }
      }
      return { holes, missing: String(missing), repeated };
    },
  };
}
