import type { JsonObject } from './json.ts';
import { type Origin, originOf } from './origin.ts';
import { admit, MAX_PRODUCERS, type ProducerWindows, type WindowLimits } from './producer-window.ts';

/** Sequence numbers that a publisher gave to events of one organization, and that are not in its chain. */
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
  /** Events that were chained a second time because their publisher may have been forgotten, as the ledger's rule has it. */
  readonly repeated: number;
}

export const LISTED = 100;
const UNBOUNDED: WindowLimits = { producers: Infinity, missing: Infinity };
/** The writer drops gaps too, but what was in one counts as chained: it never comes twice for that. */
const ALL_GAPS: WindowLimits = { producers: MAX_PRODUCERS, missing: Infinity };

export interface HoleFinder {
  /** The next entry's event, null when it was erased. @returns what is wrong when the event should not be here */
  take(event: JsonObject | null): string | null;
  /** The same, of an event whose origin was read already; null: it has none. */
  takeOrigin(origin: Origin | null): string | null;
  finish(): HoleReport;
}

/** @param whole false when the chain's beginning is not at hand: what a publisher sent before its first event here is not missed */
export function createHoleFinder(whole: boolean): HoleFinder {
  /** Everything seen: what is missing, and what came twice. */
  const seen: ProducerWindows = new Map();
  /**
   * What the ledger's writer cannot have forgotten. It forgets a publisher after `MAX_PRODUCERS` others, whatever was
   * before, so a part of a chain will do; an erased event may have been any other's, and takes a place as one.
   */
  const writer: ProducerWindows = new Map();
  /** Where each publisher's events begin here. */
  const begins = new Map<string, number>();
  let seq = 0;
  let repeated = 0;

  function admitAll({ producer, producerseq }: Origin): string | null {
    if (!whole && !begins.has(producer)) begins.set(producer, producerseq);
    const isNewToWriter = admit(writer, producer, producerseq, seq, ALL_GAPS);
    if (admit(seen, producer, producerseq, seq, UNBOUNDED)) return null;
    if (!isNewToWriter) return `the event ${producerseq} of producer ${producer} is chained a second time`;
    repeated++;
    return null;
  }

  return {
    take(event) {
      seq++;
      if (event === null) {
        // No publisher has such a name.
        admit(writer, `erased ${seq}`, 1, seq, ALL_GAPS);
        return null;
      }
      const origin = originOf(event);
      return origin && admitAll(origin);
    },
    takeOrigin(origin) {
      seq++;
      return origin && admitAll(origin);
    },
    finish() {
      const holes: Hole[] = [];
      let missing = 0n;
      for (const [producer, window] of seen) {
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
