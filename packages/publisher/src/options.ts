import type { NodeConnectionOptions } from '@nats-io/transport-node';
import { type AnyEventDefinition, DEFAULT_EVENT_PREFIX, SUBJECT_PREFIX_PATTERN } from '@waybill/schema';
import type { ConnectionLike } from './connection.ts';
import { type Credentials, faultOfCredentials } from './credentials.ts';
import type { Drop } from './drop.ts';
import { checkPeriod, checkWait } from './duration.ts';
import { PublisherError } from './error.ts';
import { allowedTypes } from './intake.ts';
import type { PublisherLogger } from './report.ts';
import type { Signer } from './signer.ts';

export interface PublisherOptions {
  /** URI-reference of the emitting service, e.g. `//cas.example/artifact-cas`. Required unless disabled. */
  readonly source?: string | undefined;
  /** Where to connect to. Neither servers (or only empty ones) nor a connection: events are dropped as `disabled`. */
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
  /** Where acknowledgements go; default: the connection's own prefix. */
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

const DEFAULTS = {
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
} as const satisfies PublisherOptions;

export type Settings = PublisherOptions & Required<Pick<PublisherOptions, keyof typeof DEFAULTS>>;

const NUMBERS = [
  'maxQueueEvents',
  'maxQueueBytes',
  'windowEvents',
  'windowBytes',
  'maxSpoolBytes',
  'spoolSegmentBytes',
] as const satisfies readonly (keyof Settings)[];

const PERIODS = [
  'ackTimeoutMs',
  'backoffMinMs',
  'backoffMaxMs',
  'parkProbeMs',
  'spoolRetryMs',
] as const satisfies readonly (keyof Settings)[];

/** Of the options of the official client, those that it hands to a timer. */
const CLIENT_PERIODS = [
  'timeout',
  'pingInterval',
  'reconnectTimeWait',
  'reconnectJitter',
  'reconnectJitterTLS',
] as const;

/** @throws PublisherError INVALID_OPTIONS naming the option, its value and what is expected */
export function readOptions(options: PublisherOptions): Settings {
  const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
  const settings: Settings = { ...DEFAULTS, ...given };
  for (const name of NUMBERS) {
    if (!(Number.isFinite(settings[name]) && settings[name] > 0)) throw bad(name, settings[name], 'a positive number');
  }
  for (const name of PERIODS) checkPeriod(`createPublisher: ${name}`, settings[name]);
  checkWait('createPublisher: closeTimeoutMs', settings.closeTimeoutMs);
  for (const name of CLIENT_PERIODS) {
    const ms = settings.connect?.[name];
    // 0 switches it off.
    if (ms !== undefined && ms !== 0) checkPeriod(`createPublisher: connect.${name}`, ms);
  }
  if (!(settings.criticalShare >= 0 && settings.criticalShare < 1)) {
    throw bad('criticalShare', settings.criticalShare, 'a number from 0 to less than 1');
  }
  if (!['drop-newest', 'drop-oldest'].includes(settings.whenFull)) {
    throw bad('whenFull', settings.whenFull, 'drop-newest or drop-oldest');
  }
  if (!['memory', 'async', 'sync'].includes(settings.durability)) {
    throw bad('durability', settings.durability, 'memory, async or sync');
  }
  if (given['durability'] !== undefined && !settings.spoolDir) {
    throw bad('durability', settings.durability, 'a spoolDir with it');
  }
  if (!SUBJECT_PREFIX_PATTERN.test(settings.subjectPrefix)) {
    throw bad('subjectPrefix', settings.subjectPrefix, SUBJECT_PREFIX_PATTERN.source);
  }
  if (settings.inboxPrefix !== undefined && !SUBJECT_PREFIX_PATTERN.test(settings.inboxPrefix)) {
    throw bad('inboxPrefix', settings.inboxPrefix, SUBJECT_PREFIX_PATTERN.source);
  }
  if (settings.producer !== undefined && !/^[A-Za-z0-9_-]{1,48}$/.test(settings.producer)) {
    throw bad('producer', settings.producer, '[A-Za-z0-9_-]{1,48}');
  }
  if (settings.connection !== undefined && serverList(settings).length > 0) {
    throw bad('connection', 'given', 'either servers or a connection, not both');
  }
  allowedTypes({ definitions: settings.events, allowTypes: settings.allowTypes });
  if (settings.credentials !== undefined) checkCredentials(settings);
  if (isEnabled(settings) && (typeof settings.source !== 'string' || !/^\S{1,1024}$/.test(settings.source))) {
    throw bad('source', settings.source, 'a URI-reference of the emitting service, such as //cas.example/artifact-cas');
  }
  return settings;
}

function checkCredentials({ credentials, connection, connect }: Settings): void {
  const fault = faultOfCredentials(credentials);
  if (fault !== null) throw new PublisherError('INVALID_OPTIONS', `createPublisher: ${fault}`);
  if (connection !== undefined) throw bad('credentials', 'given', 'servers with them: a connection has its own');
  for (const name of ['authenticator', 'user', 'pass', 'token'] as const) {
    if (connect?.[name] === undefined) continue;
    throw bad('credentials', 'given', `either these or connect.${name}, not both`);
  }
}

/** `process.env.NATS_URL` may be unset or empty, and may name several, separated by commas. */
export function serverList({ servers = [] }: PublisherOptions): string[] {
  const list = typeof servers === 'string' ? servers.split(',') : servers;
  return list.map((server) => server.trim()).filter((server) => server !== '');
}

export function isEnabled(options: PublisherOptions): boolean {
  return options.connection !== undefined || serverList(options).length > 0;
}

function bad(name: string, value: unknown, expected: string): PublisherError {
  return new PublisherError('INVALID_OPTIONS', `createPublisher: ${name} is ${String(value)}, expected ${expected}`);
}
