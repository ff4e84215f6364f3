/**
 * The events that publishers counted and a chain lacks, and those that it has twice: derived from `core.origin` alone.
 */
import type { Origin } from '../event/origin.ts';
import { LEDGER_LIMITS, ProducerWindows, type WindowLimits } from '../ledger/producer-window.ts';

/** Numbers that a publisher gave to events of one organization, and that are not in its chain. Inclusive. */
export interface MissingRange {
  readonly producer: string;
  readonly first: number;
  readonly last: number;
}

interface MissingEvents {
  /** At most `MAX_LISTED`. */
  readonly holes: readonly MissingRange[];
  /** All missing events, as a decimal number. */
  readonly missing: string;
  /** Events that were chained a second time, because the window had forgotten their publisher. */
  readonly repeated: number;
}

export const MAX_LISTED = 100;
const UNBOUNDED: WindowLimits = { producers: Infinity, missing: Infinity, chainMissing: Infinity };
/**
 * The limits of a part of a chain. Which ranges the writer dropped depends on entries that are not at hand. Which
 * publisher it forgot does not: it forgets a publisher when `MAX_PRODUCERS` others have come since.
 */
const PART_LIMITS: WindowLimits = { ...UNBOUNDED, producers: LEDGER_LIMITS.producers };

export interface MissingEventFinder {
  /** Adds the origin of the entry `seq`. @returns why the entry should not be in the chain, or null */
  add(seq: number, origin: Origin): string | null;
  /** For a whole chain: the windows as the writer has them after the last entry. */
  readonly windows: ProducerWindows;
  report(): MissingEvents;
}

/**
 * @param isWhole false when the chain's beginning is not at hand. What a publisher sent before its first event here
 *   then does not count as missing
 */
export function createMissingEventFinder(isWhole: boolean): MissingEventFinder {
  /** Everything that came. It shows what is missing and what came twice. */
  const all = new ProducerWindows(UNBOUNDED);
  const windows = new ProducerWindows(isWhole ? LEDGER_LIMITS : PART_LIMITS);
  /** For a part of a chain: the number of each publisher's first event. */
  const begins = new Map<string, number>();
  let repeated = 0;

  return {
    windows,
    add(seq, { producer, producerseq }) {
      if (!isWhole && !begins.has(producer)) begins.set(producer, producerseq);
      const admission = windows.admit(producer, producerseq, seq);
      if (admission === 'duplicate') return `the event ${producerseq} of producer ${producer} is chained a second time`;
      if (admission === 'beyond_window')
        return `the event ${producerseq} of producer ${producer} is beyond the window of its publisher`;
      if (all.admit(producer, producerseq, seq) === 'duplicate') repeated++;
      return null;
    },
    report() {
      const holes: MissingRange[] = [];
      let missing = 0n;
      for (const [producer, window] of all) {
        for (const [first, last] of window.missing) {
          if (last < (begins.get(producer) ?? 0)) continue;
          missing += BigInt(last) - BigInt(first) + 1n;
          if (holes.length < MAX_LISTED) holes.push({ producer, first, last });
        }
      }
      return { holes, missing: String(missing), repeated };
    },
  };
}
