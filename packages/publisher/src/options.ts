import type { NodeConnectionOptions } from '@nats-io/transport-node';
import { type AnyEventDefinition, DEFAULT_EVENT_PREFIX, SUBJECT_PREFIX_PATTERN } from '@waybill/schema';
import type { ConnectionLike } from './connection.ts';
import type { Drop } from './drop.ts';
import { PublisherError } from './error.ts';
import type { PublisherLogger } from './report.ts';
import type { Signer } from './signer.ts';

export interface PublisherOptions {
  /** URI-reference of the emitting service, e.g. `//cas.example/artifact-cas`. Required unless disabled. */
  readonly source?: string | undefined;
  /** Where to connect to. Neither servers (or only empty ones) nor a connection: events are dropped as `disabled`. */
  readonly servers?: string | readonly string[] | undefined;
  /** A connection of `@nats-io/nats-core` 3.x or `nats` 2.x. It stays the caller's: it is never closed here. */
  readonly connection?: ConnectionLike | undefined;
  /** For the publisher's own connection: `user`, `pass`, `token`, `authenticator`, `tls`, `inboxPrefix` and so on. */
  readonly connect?: Omit<NodeConnectionOptions, 'servers'>;
  /** Event types to allow besides the built-in ones. */
  readonly events?: readonly AnyEventDefinition[];
  /**
   * Signs every event (`createSigner`). `emit` is fail-open: without an identity, events go out unsigned. `confirm` is
   * not: it rejects with UNSIGNED.
   */
  readonly signer?: Signer;
  /** First tokens of the subjects. */
  readonly subjectPrefix?: string;
  /** Where acknowledgements go; default: the connection's own prefix. */
  readonly inboxPrefix?: string;
  /** Events that may be pending, wherever they are. */
  readonly maxQueueEvents?: number;
  /** Bytes of JSON text that may be pending. */
  readonly maxQueueBytes?: number;
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
  /** Unix milliseconds. */
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
} as const satisfies PublisherOptions;

export type Settings = PublisherOptions & Required<Pick<PublisherOptions, keyof typeof DEFAULTS>>;

const NUMBERS = [
  'maxQueueEvents',
  'maxQueueBytes',
  'windowEvents',
  'windowBytes',
  'ackTimeoutMs',
  'backoffMinMs',
  'backoffMaxMs',
  'parkProbeMs',
] as const satisfies readonly (keyof Settings)[];

/** @throws PublisherError INVALID_OPTIONS naming the option, its value and what is expected */
export function readOptions(options: PublisherOptions): Settings {
  const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
  const settings: Settings = { ...DEFAULTS, ...given };
  for (const name of NUMBERS) {
    if (!(Number.isFinite(settings[name]) && settings[name] > 0)) throw bad(name, settings[name], 'a positive number');
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
  if (isEnabled(settings) && (typeof settings.source !== 'string' || !/^\S{1,1024}$/.test(settings.source))) {
    throw bad('source', settings.source, 'a URI-reference of the emitting service, such as //cas.example/artifact-cas');
  }
  return settings;
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
