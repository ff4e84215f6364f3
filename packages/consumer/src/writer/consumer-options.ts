/** What an embedder may set, and what holds when it sets nothing. */
import type { NatsConnection } from '@nats-io/nats-core';
import type { AnyEventDefinition, KnownOptions } from '@waybill/schema';
import type { ConsumerLogger } from '../logger.ts';
import { SETTINGS, type Settings } from '../settings.ts';
import type { StreamHistory } from '../streams/stream-history.ts';

export interface ConsumerOptions extends Settings {
  /** Stays the caller's: `close()` does not close it. */
  readonly nc: NatsConnection;
  /**
   * The stream of events is somebody else's: it is read and nothing else, waited for while it is not there, and when it
   * was deleted and made anew, a new epoch begins (epoch.ts). Default: false, and then that is an error.
   */
  readonly bind?: boolean;
  readonly logger: ConsumerLogger;
  /** Event types whose data is checked, besides the built-in ones. Events of other types are chained unchecked. */
  readonly events?: readonly AnyEventDefinition[];
  /** Entries in blocks that are not on their way, about: under a backlog blocks grow until there are so many. Default 65,536. */
  readonly maxOpenEntries?: number;
  /** Chains whose state is kept in memory, about 2 KB each; the others are read from the ledger when needed. Default 20,000. */
  readonly maxCachedChains?: number;
  /**
   * When a commit has blocks of so many chains, and they are small, they are stored in atomic batches, if the ledger's
   * stream has `allow_atomic`. Infinity: never. Default 64.
   */
  readonly minBatchedBlocks?: number;
  /**
   * Uses the fast paths of reading and writing, which need less CPU per event and store the same bytes. One of them replaces
   * a method of the connection's parser (nats/delivery-tap.ts), so `nc` should be this consumer's alone. `waybill serve` sets
   * it unless `WAYBILL_FAST` is 0. Default: false.
   */
  readonly fastPaths?: boolean;
  /** How long a commit waits for its acknowledgements. Default 10,000. */
  readonly ackTimeoutMs?: number;
  /**
   * How long the ledger has to stand still, with AUDIT ahead, before a standby takes over: up to 1.25 times that, spread,
   * and it may take half of it more to be seen and a session to be opened. Default 2,000.
   */
  readonly takeoverMs?: number;
  /** How long to wait after a failure before starting again from the ledger. Default 500. */
  readonly restartMs?: number;
  /** Called after each commit, with the milliseconds that it took. */
  readonly onCommit?: (ms: number) => void;
  /**
   * With it, `_system` records how the streams are configured: as they are when writing begins, and whatever is told to
   * `observe` later. Default: nothing is recorded.
   */
  readonly streamHistory?: StreamHistory;
}

export const OPTIONS: KnownOptions<ConsumerOptions> = {
  ...SETTINGS,
  nc: true,
  bind: true,
  logger: true,
  events: true,
  maxOpenEntries: true,
  maxCachedChains: true,
  minBatchedBlocks: true,
  fastPaths: true,
  ackTimeoutMs: true,
  takeoverMs: true,
  restartMs: true,
  onCommit: true,
  streamHistory: true,
};

export const DEFAULTS = {
  bind: false,
  maxOpenEntries: 65_536,
  maxCachedChains: 20_000,
  minBatchedBlocks: 64,
  ackTimeoutMs: 10_000,
  takeoverMs: 2_000,
  restartMs: 500,
} satisfies Partial<ConsumerOptions>;
