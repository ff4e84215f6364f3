/** For functions whose process is frozen or ended once they have answered (Lambda, Vercel, Cloudflare and so on). */
import type { KnownOptions } from '@waybill/schema/internal';
import { checkOptions } from '../check-options.ts';
import { checkWait, within } from '../duration.ts';
import type { Sink } from '../sink.ts';
import { settle } from './completion.ts';

export interface WithFlushOptions {
  /**
   * How long a flush may take, in milliseconds; Infinity: no limit. Events that are pending then go out with the next
   * call. Default: 2,000.
   */
  readonly timeoutMs?: number;
  /**
   * The platform's function for work after the answer: `waitUntil` of `@vercel/functions` or of `cloudflare:workers`,
   * or `(promise) => ctx.waitUntil(promise)`. It gets the flush, and the function answers at once.
   */
  readonly waitUntil?: ((flushed: Promise<unknown>) => void) | undefined;
}

const DEFAULT_TIMEOUT_MS = 2_000;
const OPTIONS: KnownOptions<WithFlushOptions> = { timeoutMs: true, waitUntil: true };

/**
 * Makes a function that flushes the sink when `fn` has settled: before it answers, or afterwards with `waitUntil`. Its
 * result or error is that of `fn`, whatever becomes of the flush. `this`, the arguments, the name and the number of
 * parameters stay those of `fn`.
 *
 *     export const handler = withFlush(audit, async (request: Request) => { … });
 *
 * @throws PublisherError INVALID_OPTIONS for an invalid `timeoutMs`
 */
export function withFlush<This, Args extends unknown[], T>(
  audit: Pick<Sink, 'flush'>,
  fn: (this: This, ...args: Args) => T,
  options: WithFlushOptions & { readonly waitUntil: (flushed: Promise<unknown>) => void },
): (this: This, ...args: Args) => T;
export function withFlush<This, Args extends unknown[], T>(
  audit: Pick<Sink, 'flush'>,
  fn: (this: This, ...args: Args) => T,
  options?: WithFlushOptions,
): (this: This, ...args: Args) => Promise<Awaited<T>>;
export function withFlush<This, Args extends unknown[], T>(
  audit: Pick<Sink, 'flush'>,
  fn: (this: This, ...args: Args) => T,
  options: WithFlushOptions = {},
): unknown {
  checkOptions('withFlush', options, OPTIONS);
  const { timeoutMs = DEFAULT_TIMEOUT_MS, waitUntil } = options;
  checkWait('withFlush: timeoutMs', timeoutMs);
  const flush = (): Promise<void> => flushWithin(audit, timeoutMs);

  async function flushThenAnswer(this: This, ...args: Args): Promise<Awaited<T>> {
    try {
      return await fn.apply(this, args);
    } finally {
      await flush();
    }
  }
  function answerThenFlush(this: This, ...args: Args): T {
    const handOver = (): void => {
      const flushed = flush();
      try {
        waitUntil?.(flushed);
      } catch {
        // The platform takes no more work. The flush goes on as long as the process does.
      }
    };
    return settle(() => fn.apply(this, args), { finished: handOver, failed: handOver });
  }
  return Object.defineProperties(waitUntil ? answerThenFlush : flushThenAnswer, {
    name: { value: fn.name, configurable: true },
    length: { value: fn.length, configurable: true },
  });
}

/** Never rejects, and ends in time with any sink, because a handler waits for it. */
async function flushWithin(audit: Pick<Sink, 'flush'>, timeoutMs: number): Promise<void> {
  try {
    await within(audit.flush({ timeoutMs }), timeoutMs, () => false);
  } catch {
    // The sink itself says what is wrong with it.
  }
}
