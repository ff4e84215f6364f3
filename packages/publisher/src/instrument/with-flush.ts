/** For functions whose process is frozen or ended once they have answered (Lambda, Vercel, Cloudflare and so on). */
import type { KnownOptions } from '@waybill/schema';
import { checkOptions } from '../check-options.ts';
import { checkWait, within } from '../duration.ts';
import type { Sink } from '../sink.ts';
import { settle } from './completion.ts';

export interface WithFlushOptions {
  /** How long a flush may take; Infinity: no limit. What is pending then stays so, and goes out with the next call. Default: 2,000. */
  readonly timeoutMs?: number;
  /**
   * The platform's way to go on after the answer: `waitUntil` of `@vercel/functions` or of `cloudflare:workers`, or
   * `(promise) => ctx.waitUntil(promise)`. The flush is handed to it, and the function answers at once.
   */
  readonly waitUntil?: ((flushed: Promise<unknown>) => void) | undefined;
}

const DEFAULT_TIMEOUT_MS = 2_000;
const OPTIONS: KnownOptions<WithFlushOptions> = { timeoutMs: true, waitUntil: true };

/**
 * Makes a function that flushes the sink when `fn` has settled: before it answers, or, with `waitUntil`, afterwards. The
 * result or the error is that of `fn`, whatever becomes of the flush. `this`, the arguments, the name and the number of
 * parameters are those of `fn`.
 *
 *     export const handler = withFlush(audit, async (request: Request) => { … });
 *
 * @throws PublisherError INVALID_OPTIONS for a `timeoutMs` that is none
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
        // Called when the platform does not take it any more: the flush goes on as long as it is let.
      }
    };
    return settle(() => fn.apply(this, args), { finished: handOver, failed: handOver });
  }
  return Object.defineProperties(waitUntil ? answerThenFlush : flushThenAnswer, {
    name: { value: fn.name, configurable: true },
    length: { value: fn.length, configurable: true },
  });
}

/** Never rejects, and is done in time whatever the sink is: a handler waits for it. */
async function flushWithin(audit: Pick<Sink, 'flush'>, timeoutMs: number): Promise<void> {
  try {
    await within(audit.flush({ timeoutMs }), timeoutMs, () => false);
  } catch {
    // The sink itself says what is wrong with it.
  }
}
