import { ClientError } from './error.ts';

/** Time that may pass until something happens, and the caller's own signal. */
export interface TimeLimit {
  /** Its reason is a ClientError: TIMEOUT or ABORTED. */
  readonly signal: AbortSignal;
  /** From now on so many milliseconds. */
  start(ms: number): void;
  /** No time passes. */
  pause(): void;
  /** Ends what still runs under this limit. */
  end(): void;
}

/** @param what for the message of TIMEOUT: what there was none of */
export function createTimeLimit(what: string, outer: AbortSignal | undefined): TimeLimit {
  const controller = new AbortController();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const abort = (): void => controller.abort(abortedBy(outer));
  outer?.addEventListener('abort', abort, { once: true });
  if (outer?.aborted) abort();
  const pause = (): void => clearTimeout(timer);
  return {
    signal: controller.signal,
    start(ms) {
      pause();
      const late = (): void => controller.abort(new ClientError('TIMEOUT', `no ${what} within ${ms} ms`));
      // Longer ones would end at once.
      if (ms <= MAX_TIMER_MS) timer = setTimeout(late, ms);
    },
    pause,
    end() {
      pause();
      outer?.removeEventListener('abort', abort);
      controller.abort(new ClientError('ABORTED', 'nobody waits for it any more'));
    },
  };
}

const MAX_TIMER_MS = 2 ** 31 - 1;

function abortedBy(signal: AbortSignal | undefined): ClientError {
  const reason: unknown = signal?.reason;
  return reason instanceof ClientError ? reason : new ClientError('ABORTED', 'the caller gave up', { cause: reason });
}

/** @throws ClientError the reason of the signal, as soon as that is aborted */
export async function orAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  let onAbort = (): void => undefined;
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => reject(signal.reason as ClientError);
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) onAbort();
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
