/** The options of `startConsumer`, and their defaults. */
import type { NatsConnection } from '@nats-io/nats-core';
import type { AnyEventDefinition } from '@waybill/schema';
import type { KnownOptions } from '../check-options.ts';
import type { ConsumerLogger } from '../logger.ts';
import { SETTINGS, type Settings } from '../settings.ts';
import type { StreamHistory } from '../streams/stream-history.ts';

export interface ConsumerOptions extends Settings {
  /** Stays the caller's: `close()` does not close it. */
  readonly nc: NatsConnection;
  /**
   * AUDIT is somebody else's stream. It is only read. While it is not there, it is waited for. When it is deleted and
   * made again, a new epoch begins (audit/epoch.ts); without `bind`, that is an error. Default: false.
   */
  readonly bind?: boolean;
  readonly logger: ConsumerLogger;
  /** Event types whose data is checked, besides the built-in ones. Events of other types are chained unchecked. */
  readonly events?: readonly AnyEventDefinition[];
  /**
   * Approximate limit of entries in unsent blocks: under a backlog, blocks grow until there are so many. Default:
   * 65,536.
   */
  readonly maxOpenEntries?: number;
  /**
   * How many chains are kept in memory, about 2 KB each. Others are read from the ledger when needed. Default: 20,000.
   */
  readonly maxCachedChains?: number;
  /**
   * From so many chains in a commit on, small blocks are stored in atomic batches, if LEDGER has `allow_atomic`.
   * Infinity: never. Default: 64.
   */
  readonly minBatchedBlocks?: number;
  /**
   * Reads and writes in faster ways, which store the same bytes with less CPU. One of them replaces a method of the
   * connection's parser (nats/delivery-tap.ts): `nc` should be this consumer's alone. `waybill serve` sets it, unless
   * `WAYBILL_FAST` is 0. Default: false.
   */
  readonly fastPaths?: boolean;
  /** How long a commit waits for its acknowledgements, in milliseconds. Default: 10,000. */
  readonly ackTimeoutMs?: number;
  /**
   * A standby takes over after this long without a block while AUDIT is ahead, plus 0-25 % jitter and up to 50 %
   * detection time. In milliseconds. Default: 2,000.
   */
  readonly takeoverMs?: number;
  /** How long to wait after a failure before starting again from the ledger, in milliseconds. Default: 500. */
  readonly restartMs?: number;
  /** Called after each commit. @param ms milliseconds that it took */
  readonly onCommit?: (ms: number) => void;
  /**
   * With it, `_system` records how the streams are configured: when writing begins, and after each change that is told
   * to `observe`. Default: nothing is recorded.
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
