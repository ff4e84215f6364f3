import type { NodeConnectionOptions } from '@nats-io/transport-node';
import {
  type AnyEventDefinition,
  DEFAULT_EVENT_PREFIX,
  isSource,
  type KnownOptions,
  splitServers,
  SUBJECT_PREFIX_PATTERN,
} from '@waybill/schema';
import { badKind, checkKinds, checkLogger, checkOptions, kindOf } from './check-options.ts';
import type { ConnectionLike } from './connection/link.ts';
import type { Credentials } from './connection/authenticator.ts';
import type { Drop } from './drop.ts';
import { checkPeriod, checkWait } from './duration.ts';
import { badOption as bad, type PublisherError } from './error.ts';
import { checkIdentity } from './connection/nats-identity.ts';
import { allowedTypes } from './event/intake.ts';
import type { PublisherLogger } from './reporter.ts';
import type { Signer } from './signing/signer.ts';

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
  checkOptions('createPublisher', options, PUBLISHER_OPTIONS);
  checkKinds('createPublisher', options, KINDS);
  checkLists(options);
  const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
  const settings: Settings = { source: options.source, ...DEFAULTS, ...given };
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
  checkShapes(settings);
  if (settings.connection !== undefined && splitServers(settings.servers).length > 0) {
    throw bad('connection', 'given', 'either servers or a connection, not both');
  }
  allowedTypes({ definitions: settings.events, allowTypes: settings.allowTypes });
  checkIdentity(settings);
  if (!isSource(settings.source)) {
    throw bad('source', settings.source, 'a URI-reference of the emitting service, such as //cas.example/artifact-cas');
  }
  return settings;
}

/** Options that are one kind of value; of the others each check names what it expects. */
const KINDS = {
  subjectPrefix: 'string',
  inboxPrefix: 'string',
  spoolDir: 'string',
  producer: 'string',
  handleSignals: 'boolean',
  criticalShare: 'number',
  onDrop: 'function',
  clock: 'function',
  connect: 'object',
} as const satisfies Partial<Record<keyof PublisherOptions, string>>;

function checkLists({ allowTypes, servers, logger }: PublisherOptions): void {
  const isTexts = (value: unknown): boolean => Array.isArray(value) && value.every((one) => typeof one === 'string');
  const wrong = (name: string, value: unknown, expected: string): PublisherError =>
    badKind('createPublisher', name, value, expected);
  if (allowTypes !== undefined && !isTexts(allowTypes)) {
    throw wrong('allowTypes', allowTypes, 'an array of types, such as run.failed');
  }
  if (servers !== undefined && typeof servers !== 'string' && !isTexts(servers)) {
    throw wrong('servers', servers, 'a string or an array of strings');
  }
  checkLogger('createPublisher', logger);
}

/** What would fail later, or only when the publisher is enabled, with an error that does not name the option. */
function checkShapes({ connection, criticalTypes, events = [], signer }: Settings): void {
  const isDefinition = (one: unknown): boolean =>
    typeof (one as AnyEventDefinition | null)?.type === 'string' &&
    typeof (one as AnyEventDefinition).data?.safeParse === 'function';
  if (!Array.isArray(events) || !events.every(isDefinition)) {
    throw bad('events', kindOf(events), 'an array of what defineEvent returns');
  }
  if (!Array.isArray(criticalTypes) || criticalTypes.some((type) => typeof type !== 'string')) {
    throw bad('criticalTypes', kindOf(criticalTypes), 'an array of types, such as run.failed');
  }
  if (signer !== undefined && typeof (signer as Partial<Signer> | null)?.peek !== 'function') {
    throw bad('signer', kindOf(signer), 'what createSigner returns');
  }
  const isConnection = typeof connection === 'function' || (typeof connection === 'object' && connection !== null);
  if (connection !== undefined && connection !== 'later' && !isConnection) {
    throw bad('connection', kindOf(connection), "a NATS connection, a function that makes one, or 'later'");
  }
}

export function isEnabled(options: PublisherOptions): boolean {
  return options.connection !== undefined || splitServers(options.servers).length > 0;
}
