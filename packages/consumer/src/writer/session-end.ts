/** What ends a session from outside: a wish to stop, or a failure that somebody has noticed. */
export interface SessionEnd {
  /** Aborted by either. Whoever waits for something stops waiting. */
  readonly signal: AbortSignal;
  /** Why the session is broken off; null when it is not. */
  readonly failure: Error | null;
  /** Breaks the session off. The first reason counts. */
  breakOff(error: Error): void;
  /** To be called when the session has ended. */
  close(): void;
}

/** @param fail fails what is under way @param stop the wish to stop */
export function createSessionEnd(fail: (error: Error) => void, stop: AbortSignal): SessionEnd {
  const end = new AbortController();
  let failure: Error | null = null;
  const onStop = (): void => end.abort();
  stop.addEventListener('abort', onStop);
  if (stop.aborted) onStop();
  return {
    signal: end.signal,
    get failure() {
      return failure;
    },
    breakOff(error) {
      failure ??= error;
      fail(error);
      end.abort();
    },
    close: () => stop.removeEventListener('abort', onStop),
  };
}
