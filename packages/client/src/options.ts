/** How long a call may take, and how often it is asked again. */
export interface Patience {
  /**
   * Milliseconds for one attempt, up to the end of a whole answer or to the beginning of a sequence. The `wait` of a
   * question comes on top. Default: 15,000; of bills, which read whole chains, 90,000.
   */
  readonly attemptTimeoutMs?: number | undefined;
  /** Milliseconds for a call with all its attempts; of a sequence, for each page. Default: 180,000. */
  readonly timeoutMs?: number | undefined;
  /** Milliseconds without a byte after which a sequence is asked for again, from where it was. Default: 90,000. */
  readonly idleTimeoutMs?: number | undefined;
  /**
   * How often a question is asked again, when nothing was changed by it and the answer may be another one: the reader
   * is busy (429, 503), or nobody answers. Of a sequence: without an item in between. Default: 4; of `entries.follow` 30, about two minutes.
   */
  readonly retries?: number | undefined;
  /** Milliseconds before the first retry; they double, up to 5 s, less a random part. Default: 200. */
  readonly retryDelayMs?: number | undefined;
}

export interface CallOptions extends Patience {
  readonly signal?: AbortSignal | undefined;
}

export interface PageOptions extends CallOptions {
  /** Items that are asked for at once, 1 to 1000. Halved when an answer would be too large. Default: 100. */
  readonly pageSize?: number | undefined;
}

export interface FollowOptions extends CallOptions {
  /** Milliseconds between two looks, over NATS. Over HTTP entries come by themselves. Default: 1,000. */
  readonly pollMs?: number | undefined;
}

export type WholePatience = { readonly [K in Exclude<keyof Patience, 'attemptTimeoutMs'>]-?: number } & {
  readonly attemptTimeoutMs: number | undefined;
};

const DEFAULTS = { timeoutMs: 180_000, idleTimeoutMs: 90_000, retries: 4, retryDelayMs: 200 };

/** The first of these that says something counts. */
export function patienceOf(...given: readonly Patience[]): WholePatience {
  const first = <K extends keyof Patience>(name: K): Patience[K] =>
    given.find((one) => one[name] !== undefined)?.[name];
  return {
    attemptTimeoutMs: first('attemptTimeoutMs'),
    timeoutMs: first('timeoutMs') ?? DEFAULTS.timeoutMs,
    idleTimeoutMs: first('idleTimeoutMs') ?? DEFAULTS.idleTimeoutMs,
    retries: first('retries') ?? DEFAULTS.retries,
    retryDelayMs: first('retryDelayMs') ?? DEFAULTS.retryDelayMs,
  };
}
