import type { NodeConnectionOptions } from '@nats-io/transport-node';
import { type AnyEventDefinition, DEFAULT_EVENT_PREFIX, type KnownOptions } from '@waybill/schema';
import type { ConnectionLike } from './connection-like.ts';
import type { Credentials } from './credentials.ts';
import type { Drop } from './drop.ts';
import type { PublisherLogger } from './logger.ts';
import type { Signer } from './signing-identity.ts';

export interface PublisherOptions {
  /** URI-reference of the emitting service, e.g. `//cas.example/artifact-cas`. */
  readonly source: string;
  /**
   * Where to connect to: `host`, `host:port`, `nats://…` or `tls://…`, and who we are there, if the URL has a
   * percent-encoded `user:password@` or `token@`. Several are separated by commas. Neither servers (or only empty ones)
   * nor a connection: events are dropped as `disabled`.
   */
  readonly servers?: string | readonly string[] | undefined;
  /**
   * A connection of `@nats-io/nats-core` 3.x or `nats` 2.x, or a function that makes one and is called again until it
   * does, or `'later'` for one that `bind` brings. It stays the caller's: it is never closed here.
   */
  readonly connection?: ConnectionLike | (() => ConnectionLike | Promise<ConnectionLike>) | 'later' | undefined;
  /**
   * For the publisher's own connection: one of `{ credsFile }`, `{ nkeySeedFile }`, `{ nkeySeed }`, `{ token }`,
   * `{ user, pass }`. Files are read at every dial. One that is missing or malformed is a reason in `status()`, and is tried
   * again.
   */
  readonly credentials?: Credentials | undefined;
  /**
   * For the publisher's own connection, what the official client takes: `tls` (`caFile`, `certFile`, `keyFile`, read at
   * every dial), `inboxPrefix`, an `authenticator` of your own and so on.
   */
  readonly connect?: Omit<NodeConnectionOptions, 'servers'>;
  /** Event types to allow besides the built-in ones. */
  readonly events?: readonly AnyEventDefinition[];
  /**
   * The only event types to take, built-in ones and those in `events`. Default: all of them. Others are dropped as
   * `type_not_allowed` before anything of them is looked at.
   */
  readonly allowTypes?: readonly string[] | undefined;
  /**
   * Signs every event (`createSigner`). `emit` is fail-open: without an identity, events go out unsigned and are counted
   * in `stats().unsigned`. `confirm` is not: it rejects with UNSIGNED.
   */
  readonly signer?: Signer;
  /** First tokens of the subjects. */
  readonly subjectPrefix?: string;
  /**
   * Where acknowledgements go. Default: the connection's own prefix; of one that the publisher opens as a user,
   * `_INBOX.<user>`, else `_INBOX`.
   */
  readonly inboxPrefix?: string;
  /** Events that may be pending, wherever they are in memory. */
  readonly maxQueueEvents?: number;
  /** Bytes of memory that pending events may take: of each its JSON text as V8 keeps it, and 512 bytes. */
  readonly maxQueueBytes?: number;
  /** Types of events for which a part of the queue is kept free: they are dropped last. */
  readonly criticalTypes?: readonly string[];
  /** The part of the queue's bounds that only critical types may use, 0 to 1. */
  readonly criticalShare?: number;
  /** What is dropped when the queue is full: the event that comes, or the oldest that was never sent. */
  readonly whenFull?: 'drop-newest' | 'drop-oldest';
  /** Directory for events that do not fit into memory or are to survive the process; processes may share it. */
  readonly spoolDir?: string | undefined;
  /**
   * `memory`: to disk only when memory is full, at `close()` and when the process exits; `async`: all, in batches soon
   * after `emit`; `sync`: all, before `emit` returns.
   */
  readonly durability?: 'memory' | 'async' | 'sync';
  /** Bytes that this publisher's spool may have on disk. */
  readonly maxSpoolBytes?: number;
  /** A spool is cut into files of about this size. */
  readonly spoolSegmentBytes?: number;
  /** After a failed write the disk is left alone for this long. */
  readonly spoolRetryMs?: number;
  /**
   * On SIGTERM and SIGINT: closes, and then lets the signal end the process. Where the service listens to the signal itself,
   * it goes on taking events until nothing but publishers keeps the process, for four fifths of `closeTimeoutMs` at most,
   * and closes then. For services without a shutdown of their own; one that has it awaits `close()` last.
   */
  readonly handleSignals?: boolean;
  /** How long `close` waits unless it is told; Infinity: no limit. */
  readonly closeTimeoutMs?: number;
  /** Events that may be unacknowledged at once. */
  readonly windowEvents?: number;
  /** Bytes that may be unacknowledged at once. */
  readonly windowBytes?: number;
  /** No progress for this long: everything unacknowledged is sent again. */
  readonly ackTimeoutMs?: number;
  /** Waits before a resend and before dialling are random, below a bound that doubles from here ... */
  readonly backoffMinMs?: number;
  /** ... to here. */
  readonly backoffMaxMs?: number;
  /** How often an event is tried whose subject is not permitted. */
  readonly parkProbeMs?: number;
  /** Default: warnings go to the console. */
  readonly logger?: PublisherLogger;
  /** Called for each dropped event. */
  readonly onDrop?: (drop: Drop) => void;
  /** Unix milliseconds; fractions are cut off. */
  readonly clock?: () => number;
  /** The boot id, `[A-Za-z0-9_-]{1,48}`, unique to this start of this process; default: a UUIDv7. */
  readonly producer?: string;
}

export const DEFAULTS = {
  subjectPrefix: DEFAULT_EVENT_PREFIX,
  maxQueueEvents: 16_384,
  maxQueueBytes: 32 * 1024 * 1024,
  windowEvents: 1_024,
  windowBytes: 8 * 1024 * 1024,
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
  windowBytes: true,
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
