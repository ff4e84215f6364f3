/**
 * How often one token may ask, and how often one address may fail. Counts are those of this process. They are windows
 * of a minute, which begin with the first request.
 */
import { RateLimiterMemory, type RateLimiterRes } from 'rate-limiter-flexible';
import { ConsumerError } from '../errors.ts';
import { addressKey } from './address-key.ts';
import { createBoundedMap } from './bounded-map.ts';

export interface RateLimits {
  /** Before anything else. @throws ConsumerError RATE_LIMITED when the address has failed too often */
  checkAddress(address: string): Promise<void>;
  /** A token of this address was refused. */
  countFailure(address: string): Promise<void>;
  /** After authentication. @throws ConsumerError RATE_LIMITED */
  countRequest(id: string): Promise<void>;
  /** Keys in memory, for tests. */
  readonly size: number;
}

export interface RateLimitOptions {
  /** 0: no limit. So with the next one. */
  readonly requestsPerMinute: number;
  readonly failuresPerMinute: number;
}

const WINDOW_S = 60;
/** Whoever has more addresses than this is held by no limit by address. What counts then is `MAX_UNKNOWN_LOOKUPS`. */
const MAX_KEYS = 10_000;

export function createRateLimits({ requestsPerMinute, failuresPerMinute }: RateLimitOptions): RateLimits {
  const requests = createCounter(requestsPerMinute);
  const failures = createCounter(failuresPerMinute);
  return {
    async checkAddress(address) {
      const count = await failures.read(addressKey(address));
      if (count === null || count.consumedPoints < failuresPerMinute || count.msBeforeNext <= 0) return;
      throw limited('too many tokens of this address were refused', count);
    },
    async countFailure(address) {
      await failures.add(addressKey(address));
    },
    async countRequest(id) {
      const count = await requests.add(id);
      if (count === null || count.consumedPoints <= requestsPerMinute) return;
      throw limited(`${id} has made more than ${requestsPerMinute} requests in a minute`, count);
    },
    get size() {
      return requests.size + failures.size;
    },
  };
}

/** null: there is no limit. */
interface Counter {
  read(key: string): Promise<RateLimiterRes | null>;
  add(key: string): Promise<RateLimiterRes | null>;
  readonly size: number;
}

/** `RateLimiterMemory` keeps a record for each key, without an end: this one forgets the key that was used longest ago. */
function createCounter(points: number): Counter {
  if (points === 0) return { read: () => Promise.resolve(null), add: () => Promise.resolve(null), size: 0 };
  const limiter = new RateLimiterMemory({ points, duration: WINDOW_S });
  const keys = createBoundedMap<true>(MAX_KEYS);
  return {
    read: (key) => limiter.get(key),
    async add(key) {
      const forgotten = keys.set(key, true);
      if (forgotten !== undefined) await limiter.delete(forgotten);
      // Counts without an exception, also above the limit.
      return limiter.penalty(key);
    },
    get size() {
      return keys.size;
    },
  };
}

function limited(why: string, { msBeforeNext }: RateLimiterRes): ConsumerError {
  const retryAfterMs = Math.max(1, Math.ceil(msBeforeNext));
  return new ConsumerError('RATE_LIMITED', `${why}: try again in ${Math.ceil(retryAfterMs / 1000)} s`, {
    retryAfterMs,
  });
}
