import type { NodeConnectionOptions } from '@nats-io/transport-node';
import type { AnyEventDefinition } from '@waybill/schema';
import { DEFAULT_EVENT_PREFIX, type KnownOptions } from '@waybill/schema/internal';
import type { ConnectionLike } from './connection-like.ts';
import type { Credentials } from './credentials.ts';
import type { Drop } from './drop.ts';
import type { PublisherLogger } from './logger.ts';
import type { Signer } from './signing-identity.ts';

export interface PublisherOptions {
  /** URI-reference of the emitting service, e.g. `//cas.example/artifact-cas`. */
  readonly source: string;
  /**
   * Where to connect to: `host`, `host:port`, `nats://…` or `tls://…`, separated by commas. A URL may have a
   * percent-encoded `user:password@` or `token@`. Without servers (or with empty ones only) and without a connection,
   * events are dropped as `disabled`.
   */
  readonly servers?: string | readonly string[] | undefined;
  /**
   * A connection of `@nats-io/nats-core` 3.x or `nats` 2.x, or a function that makes one and is called until it
   * succeeds, or `'later'` for a connection that `bind` hands over. The connection stays the caller's and is never
   * closed here.
   */
  readonly connection?: ConnectionLike | (() => ConnectionLike | Promise<ConnectionLike>) | 'later' | undefined;
  /**
   * For the publisher's own connection: one of `{ credsFile }`, `{ nkeySeedFile }`, `{ nkeySeed }`, `{ token }`, `{
   * user, pass }`. Files are read at every dial. When a file is missing or malformed, `status()` says so, and the dial
   * is tried again.
   */
  readonly credentials?: Credentials | undefined;
  /**
   * For the publisher's own connection, options of the official client: `tls` (`caFile`, `certFile`, `keyFile`, read at
   * every dial), `inboxPrefix`, an `authenticator` and so on.
   */
  readonly connect?: Omit<NodeConnectionOptions, 'servers'>;
  /** Event types to allow besides the built-in ones. */
  readonly events?: readonly AnyEventDefinition[];
  /**
   * The only event types to take, of the built-in ones and those in `events`. Default: all of them. Others are dropped
   * as `type_not_allowed` before their fields are read.
   */
  readonly allowTypes?: readonly string[] | undefined;
  /**
   * Signs every event (`createSigner`). `emit` is fail-open: without a key, events go out unsigned and are counted in
   * `stats().unsigned`. `confirm` is fail-closed: without a key it rejects with UNSIGNED.
   */
  readonly signer?: Signer;
  /** First tokens of the subjects. */
  readonly subjectPrefix?: string;
  /**
   * Where acknowledgements go. Default: the prefix of the connection. A connection that the publisher opens as a user
   * has `_INBOX.<user>`, any other `_INBOX`.
   */
  readonly inboxPrefix?: string;
  /** How many events may be pending in memory. */
  readonly maxQueueEvents?: number;
  /** Bytes of memory that pending events may take. Each counts 512 bytes and its JSON text as V8 keeps it. */
  readonly maxQueueBytes?: number;
  /** Event types that are dropped last: a part of the queue is kept free for them. */
  readonly criticalTypes?: readonly string[];
  /** The part of the queue's bounds that only critical types may use, 0 to 1. */
  readonly criticalShare?: number;
  /** What is dropped when the queue is full: the new event, or the oldest that was never sent. */
  readonly whenFull?: 'drop-newest' | 'drop-oldest';
  /** Directory for events that do not fit into memory or have to survive the process. Processes may share it. */
  readonly spoolDir?: string | undefined;
  /**
   * Which events go to disk. `memory`: only when memory is full, at `close()` and when the process exits. `async`: all,
   * in batches soon after `emit`. `sync`: all, before `emit` returns.
   */
  readonly durability?: 'memory' | 'async' | 'sync';
  /** Bytes that this publisher's spool may take on disk. */
  readonly maxSpoolBytes?: number;
  /** Approximate bytes of a file of the spool. */
  readonly spoolSegmentBytes?: number;
  /** Milliseconds without another try after a failed write. */
  readonly spoolRetryMs?: number;
  /**
   * Closes the publisher on SIGTERM and SIGINT, and then lets the signal end the process. If the service listens to the
   * signal too, the publisher goes on taking events until only publishers keep the process alive, for at most four
   * fifths of `closeTimeoutMs`, and closes then. A service with a shutdown of its own awaits `close()` at its end
   * instead.
   */
  readonly handleSignals?: boolean;
  /** How long `close` waits by default, in milliseconds; Infinity: no limit. */
  readonly closeTimeoutMs?: number;
  /** How many events may be unacknowledged at once. */
  readonly windowEvents?: number;
  /** Milliseconds without an acknowledgement after which every unacknowledged event is sent again. */
  readonly ackTimeoutMs?: number;
  /** Waits before a resend and before a dial are random, below a bound that doubles from here ... */
  readonly backoffMinMs?: number;
  /** ... to here. */
  readonly backoffMaxMs?: number;
  /** Milliseconds between tries of an event whose subject is denied. */
  readonly parkProbeMs?: number;
  /** Default: warnings go to the console. */
  readonly logger?: PublisherLogger;
  /** Called for each dropped event. */
  readonly onDrop?: (drop: Drop) => void;
  /** The time of events in Unix milliseconds. Fractions are cut off. */
  readonly clock?: () => number;
  /** The boot id, `[A-Za-z0-9_-]{1,48}`, unique to this start of this process. Default: a UUIDv7. */
  readonly producer?: string;
}

export const DEFAULTS = {
  subjectPrefix: DEFAULT_EVENT_PREFIX,
  maxQueueEvents: 16_384,
  maxQueueBytes: 32 * 1024 * 1024,
  windowEvents: 1_024,
  ackTimeoutMs: 5_000,
  backoffMinMs: 50,
  backoffMaxMs: 5_000,
  parkProbeMs: 30_000,
  criticalTypes: [],
  criticalShare: 0.1,
  whenFull: 'drop-newest',
  durability: 'async',
  maxSpoolBytes: 1024 * 1024 * 1024,
  spoolSegmentBytes: 8 * 1024 * 1024,
  spoolRetryMs: 1_000,
  handleSignals: false,
  closeTimeoutMs: 5_000,
} as const satisfies Partial<PublisherOptions>;

export const PUBLISHER_OPTIONS: KnownOptions<PublisherOptions> = {
  source: true,
  servers: true,
  connection: true,
  credentials: true,
  connect: true,
  events: true,
  allowTypes: true,
  signer: true,
  subjectPrefix: true,
  inboxPrefix: true,
  maxQueueEvents: true,
  maxQueueBytes: true,
  criticalTypes: true,
  criticalShare: true,
  whenFull: true,
  spoolDir: true,
  durability: true,
  maxSpoolBytes: true,
  spoolSegmentBytes: true,
  spoolRetryMs: true,
  handleSignals: true,
  closeTimeoutMs: true,
  windowEvents: true,
  ackTimeoutMs: true,
  backoffMinMs: true,
  backoffMaxMs: true,
  parkProbeMs: true,
  logger: true,
  onDrop: true,
  clock: true,
  producer: true,
};

export type Settings = PublisherOptions & Required<Pick<PublisherOptions, keyof typeof DEFAULTS>>;
