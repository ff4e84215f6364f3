/**
 * Tokens by their ids, as the leader of their stream has them. What was read is used for 5 s. While the stream cannot be
 * read it may be used for 10 s; after that nobody is let in. A revocation holds everywhere within 10 s.
 *
 * Ids come from whoever sends them: memory and requests are bounded (lookup-budget.ts).
 */
import { jetstreamManager, type JetStreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/nats-core';
import { ConsumerError } from '../errors.ts';
import type { ConsumerLogger } from '../logger.ts';
import { getLastMessage } from '../nats/leader-get.ts';
import { createBoundedMap } from './bounded-map.ts';
import { createLookupBudget } from './lookup-budget.ts';
import { parseRecord, type TokenRecord } from './token-record.ts';

/** Where tokens are. */
export interface TokenStreamOptions {
  readonly nc: NatsConnection;
  readonly stream: string;
  /** Tokens are on `<prefix>.token.<id>`. */
  readonly prefix: string;
}

export interface TokenLookupOptions extends TokenStreamOptions {
  readonly logger: ConsumerLogger;
  /** Milliseconds by a clock that nobody can set. Default: `performance.now`. */
  readonly clock?: () => number;
}

export interface TokenLookup {
  /**
   * @param staleMs how old the answer may be while the stream cannot be read
   * @returns null when there is no such token, or none that this version can read
   * @throws ConsumerError UNAVAILABLE; RATE_LIMITED for an unknown id, when too many are asked for
   */
  find(id: string, staleMs: number): Promise<TokenRecord | null>;
  /** For tests. */
  readonly counts: { readonly known: number; readonly unknown: number; readonly reads: number };
}

/** Within this time the stream is not asked again. An open answer that is checked as often ends 10 s after a revocation. */
export const FRESH_MS = 5_000;
/** No answer is older than this. */
export const MAX_STALE_MS = 10_000;

const READ_TIMEOUT_MS = 2_000;
/** After a failed read the stream is left alone for so long. */
const PAUSE_MS = 500;
/** Of each kind, so that unknown ids push no known token out. */
const MAX_KEPT = 10_000;

interface Found {
  readonly record: TokenRecord | null;
  /** When it was asked for: it may be as old as that. */
  readonly askedAt: number;
}

export function createTokenLookup(options: TokenLookupOptions): TokenLookup {
  const { nc, stream, prefix, logger, clock = () => performance.now() } = options;
  const known = createBoundedMap<Found>(MAX_KEPT);
  const unknown = createBoundedMap<Found>(MAX_KEPT);
  const reading = new Map<string, Promise<Found>>();
  const budget = createLookupBudget(clock);
  let manager: Promise<JetStreamManager> | null = null;
  let failed: { readonly at: number; readonly cause: unknown } | null = null;
  let reads = 0;

  async function read(id: string): Promise<Found> {
    const askedAt = clock();
    reads++;
    try {
      // Made once it is needed: nothing is asked for that nobody wants.
      manager ??= jetstreamManager(nc, { checkAPI: false, timeout: READ_TIMEOUT_MS });
      const message = await getLastMessage(await manager, stream, `${prefix}.token.${id}`);
      const record = message && parseRecord(id, message.data);
      if (message && !record) logger.warn({ token: id, seq: message.seq }, 'a token cannot be read, and is refused');
      const found = { record, askedAt };
      keep(id, found);
      if (failed !== null) logger.info({ stream }, 'tokens can be read again');
      failed = null;
      return found;
    } catch (cause) {
      manager = null;
      const reason = cause instanceof Error ? cause.message : String(cause);
      if (failed === null) logger.error({ stream, reason }, 'tokens cannot be read: soon nobody is let in');
      failed = { at: clock(), cause };
      throw cause;
    }
  }

  function keep(id: string, found: Found): void {
    if (found.record === null) {
      known.delete(id);
      unknown.set(id, found);
    } else {
      unknown.delete(id);
      known.set(id, found);
    }
  }

  /** null: the stream is not asked just now. @throws what reading throws; ConsumerError RATE_LIMITED */
  function ask(id: string, isKnown: boolean): Promise<Found> | null {
    const begun = reading.get(id);
    if (begun) return begun;
    if (failed !== null && clock() - failed.at < PAUSE_MS) return null;
    if (!budget.begin(isKnown)) return null;
    const begins = read(id).finally(() => {
      budget.end(isKnown);
      reading.delete(id);
    });
    reading.set(id, begins);
    return begins;
  }

  return {
    async find(id, staleMs) {
      const kept = known.get(id) ?? unknown.get(id);
      if (kept && clock() - kept.askedAt <= FRESH_MS) return kept.record;
      try {
        const found = await ask(id, known.get(id) !== undefined);
        if (found) return found.record;
      } catch (error) {
        if (error instanceof ConsumerError && error.code === 'RATE_LIMITED') throw error;
      }
      if (kept && clock() - kept.askedAt <= Math.min(staleMs, MAX_STALE_MS)) return kept.record;
      throw unavailable(failed?.cause);
    },
    get counts() {
      return { known: known.size, unknown: unknown.size, reads };
    },
  };
}

/** Whoever asks is not told why: they have proven nothing yet. The log has it. */
function unavailable(cause: unknown): ConsumerError {
  return new ConsumerError('UNAVAILABLE', 'tokens cannot be checked at the moment, so nobody is let in', {
    cause,
    retryAfterMs: 1_000,
  });
}
