/** Sizes that are looked up when nobody waits for them any more. */
import { checkWait, within } from '../duration.ts';

export interface LazySizeOptions {
  /** How long the look-up may take; Infinity: no limit. Default: 1,000. */
  readonly timeoutMs?: number;
  /** When to begin, e.g. `finished(response)` of `node:stream/promises`; also when it rejects. Default: the next turn of the event loop. */
  readonly after?: PromiseLike<unknown>;
}

/** Bytes, or undefined: not known. Never rejects. */
export type LazySize = Promise<number | undefined>;

/** Look-ups at once, of the whole process. One more is not waited for: its size is not known. */
export const MAX_LOOKUPS = 32;
const DEFAULT_TIMEOUT_MS = 1_000;

let running = 0;

/**
 * Looks a size up, best effort: undefined when the look-up throws, rejects, takes too long, gives what is no size, or
 * is one too many.
 *
 * @throws PublisherError INVALID_OPTIONS, at once, for a `timeoutMs` that is none
 */
export function lazySize(
  lookup: (signal: AbortSignal) => number | undefined | Promise<number | undefined>,
  { timeoutMs = DEFAULT_TIMEOUT_MS, after }: LazySizeOptions = {},
): LazySize {
  return lookUp(lookup, checkWait('lazySize: timeoutMs', timeoutMs), after);
}

async function lookUp(
  lookup: (signal: AbortSignal) => number | undefined | Promise<number | undefined>,
  timeoutMs: number,
  after: PromiseLike<unknown> | undefined,
): LazySize {
  // Counted from here on: what waits for its response takes memory too.
  if (running >= MAX_LOOKUPS) return undefined;
  running++;
  const stop = new AbortController();
  try {
    await begin(after);
    const looked = Promise.resolve(lookup(stop.signal));
    const size: unknown = await within<unknown>(looked, timeoutMs, () => stop.abort());
    return typeof size === 'number' && Number.isSafeInteger(size) && size >= 0 ? size : undefined;
  } catch {
    // Best effort: an unknown size is counted as unknown in the bill, and the store has told its own log.
    return undefined;
  } finally {
    running--;
  }
}

async function begin(after: PromiseLike<unknown> | undefined): Promise<void> {
  if (!after) return new Promise((resolve) => setImmediate(resolve));
  try {
    await after;
  } catch {
    // A response that was broken off is over as well.
  }
}
