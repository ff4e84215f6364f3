/** Sizes that are looked up later, when no caller waits. */
import { checkWait, within } from '../duration.ts';

export interface LazySizeOptions {
  /** How long the look-up may take, in milliseconds; Infinity: no limit. Default: 1,000. */
  readonly timeoutMs?: number;
  /**
   * When to begin: when this settles, e.g. `finished(response)` of `node:stream/promises`. Default: the next turn of
   * the event loop.
   */
  readonly after?: PromiseLike<unknown>;
}

/** Bytes; undefined when the size is not known. Never rejects. */
export type LazySize = Promise<number | undefined>;

/** The most look-ups at once in the process. The size of one more is not known. */
export const MAX_LOOKUPS = 32;
const DEFAULT_TIMEOUT_MS = 1_000;

let running = 0;

/**
 * Looks a size up, best effort. The result is undefined when the look-up throws, rejects, takes too long, returns no
 * size, or is one too many.
 *
 * @throws PublisherError INVALID_OPTIONS for an invalid `timeoutMs`
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
  // Counted from here on, because waiting for the response takes memory too.
  if (running >= MAX_LOOKUPS) return undefined;
  running++;
  const stop = new AbortController();
  try {
    await begin(after);
    const looked = Promise.resolve(lookup(stop.signal));
    const size: unknown = await within<unknown>(looked, timeoutMs, () => stop.abort());
    return typeof size === 'number' && Number.isSafeInteger(size) && size >= 0 ? size : undefined;
  } catch {
    // The bill counts the size as unknown, and the store has logged its own failure.
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
    // A response that was cut off is over, too.
  }
}
