/**
 * How many tokens are looked up at once. Ids come from whoever sends them: those that were never found to be a token's
 * have a share of their own, so that a flood of them keeps no known token out. A token counts as known in a process once
 * it was looked up there.
 */
import { ConsumerError } from '../errors.ts';

export interface LookupBudget {
  /** Begins a lookup. @returns false when too many known ones are under way @throws ConsumerError RATE_LIMITED */
  begin(isKnown: boolean): boolean;
  end(isKnown: boolean): void;
}

const MAX_KNOWN_LOOKUPS = 256;
const MAX_UNKNOWN_LOOKUPS = 64;
export const MAX_UNKNOWN_PER_SECOND = 200;

/** @param clock milliseconds */
export function createLookupBudget(clock: () => number): LookupBudget {
  let known = 0;
  let unknown = 0;
  let from = -Infinity;
  let count = 0;

  /** @throws ConsumerError RATE_LIMITED */
  function beginUnknown(): void {
    const now = clock();
    if (now - from >= 1_000) [from, count] = [now, 0];
    if (unknown >= MAX_UNKNOWN_LOOKUPS || count >= MAX_UNKNOWN_PER_SECOND) {
      throw new ConsumerError('RATE_LIMITED', 'too many unknown tokens are asked for: try again in 1 s', {
        retryAfterMs: 1_000,
      });
    }
    unknown++;
    count++;
  }

  return {
    begin(isKnown) {
      if (!isKnown) beginUnknown();
      else if (known >= MAX_KNOWN_LOOKUPS) return false;
      else known++;
      return true;
    },
    end(isKnown) {
      if (isKnown) known--;
      else unknown--;
    },
  };
}
