import type { JsonObject } from './json.ts';
import { admit, type ProducerWindows, type SequenceRange } from './producer-window.ts';

/** Sequence numbers that a publisher gave to events of one organization, and that are not in its chain. */
export interface Hole {
  readonly producer: string;
  readonly first: number;
  readonly last: number;
}

const LISTED = 100;
const UNBOUNDED = { producers: Infinity, missing: Infinity };

export interface HoleFinder {
  /** @returns what is wrong when the event was taken in before */
  take(event: JsonObject): string | null;
  finish(): { holes: Hole[]; missing: string };
}

/** @param whole false when the chain's beginning is not at hand: what a publisher sent before its first event here is not missed */
export function createHoleFinder(whole: boolean): HoleFinder {
  const windows: ProducerWindows = new Map();
  /** Where each publisher's events begin here. */
  const begins = new Map<string, number>();
  let seq = 0;

  return {
    take({ producer, sequence }) {
      if (typeof producer !== 'string' || typeof sequence !== 'string') return null;
      const number = Number(sequence);
      if (!whole && !begins.has(producer)) begins.set(producer, number);
      if (admit(windows, producer, number, ++seq, UNBOUNDED)) return null;
      return `the event ${sequence} of producer ${producer} is chained a second time`;
    },
    finish() {
      const holes: Hole[] = [];
      let missing = 0n;
      for (const [producer, window] of windows) {
        for (const range of window.missing) {
          const [first, last]: SequenceRange = range;
          if (last < (begins.get(producer) ?? 0)) continue;
          missing += BigInt(last - first + 1);
          if (holes.length < LISTED) holes.push({ producer, first, last });
        }
      }
      return { holes, missing: String(missing) };
    },
  };
}
