/**
 * The events that publishers counted and a chain lacks, and those that it has twice: derived from `core.origin` alone.
 */
import type { Origin } from '../event/origin.ts';
import { LEDGER_LIMITS, ProducerWindows, type WindowLimits } from '../ledger/producer-window.ts';
import type { AuditPlace, LossAcknowledgement } from './acknowledgements.ts';
import { createLossTimes, type MissingRange } from './loss-times.ts';

interface MissingEvents {
  /** Those that nobody acknowledged come first. */
  readonly holes: readonly MissingRange[];
  /** All missing events, as a decimal number. */
  readonly missing: string;
  /** Those of them that somebody acknowledged. */
  readonly known: bigint;
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
  /**
   * Adds the origin of the entry `seq`.
   *
   * @param place of its message in the AUDIT stream
   * @returns why the entry should not be in the chain, or null
   */
  add(seq: number, origin: Origin, place: AuditPlace): string | null;
  /** For a whole chain: the windows as the writer has them after the last entry. */
  readonly windows: ProducerWindows;
  /** @param acknowledgements of losses of this chain */
  report(acknowledgements?: readonly LossAcknowledgement[]): MissingEvents;
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
  const times = createLossTimes();
  let repeated = 0;

  return {
    windows,
    add(seq, origin, place) {
      const { producer, producerseq } = origin;
      if (!isWhole && !begins.has(producer)) begins.set(producer, producerseq);
      const admission = windows.admit(producer, producerseq, seq);
      if (admission === 'duplicate') return `the event ${producerseq} of producer ${producer} is chained a second time`;
      if (admission === 'beyond_window')
        return `the event ${producerseq} of producer ${producer} is beyond the window of its publisher`;
      times.add(origin, place, all.get(producer));
      if (all.admit(producer, producerseq, seq) === 'duplicate') repeated++;
      return null;
    },
    report(acknowledgements = []) {
      const ranges = [...all].flatMap(([producer, { missing }]) => {
        const counted = missing.filter(([, last]) => last >= (begins.get(producer) ?? 0));
        return times.split(producer, counted, acknowledgements);
      });
      const acknowledged = ranges.filter((one) => one.acknowledged);
      const holes = [...ranges.filter((one) => !one.acknowledged), ...acknowledged];
      return { holes, missing: String(sizeOf(holes)), known: sizeOf(acknowledged), repeated };
    },
  };
}

function sizeOf(ranges: readonly MissingRange[]): bigint {
  return ranges.reduce((sum, { first, last }) => sum + BigInt(last) - BigInt(first) + 1n, 0n);
}
