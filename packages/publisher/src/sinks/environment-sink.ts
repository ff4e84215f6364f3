/**
 * The sink that the environment chooses, so that one build of a service runs with a server, with files, or with
 * neither.
 */
import { checkOptions } from '../check-options.ts';
import { outside } from '../context.ts';
import type { Credentials } from '../credentials.ts';
import { PublisherError } from '../error.ts';
import { CONSOLE_LOGGER, type PublisherLogger } from '../logger.ts';
import { PUBLISHER_OPTIONS, type PublisherOptions } from '../options.ts';
import { createPublisher } from '../publisher/publisher.ts';
import { readOptions } from '../publisher/read-options.ts';
import type { Sink } from '../sink.ts';
import { fileSink } from './file-sink.ts';
import { FILE_SINK_OPTIONS, type FileSinkOptions } from './file-sink-options.ts';
import { nullSink } from './null-sink.ts';

/** The publisher's options, without those that the environment sets. */
export interface EnvironmentSinkOptions extends Omit<PublisherOptions, 'servers' | 'connection' | 'credentials'> {
  /** Throws when the environment cannot work. Default: false, which gives the null sink and one line in the log. */
  readonly strict?: boolean;
}

type SinkOptions = Omit<EnvironmentSinkOptions, 'strict'>;

const {
  servers: _servers,
  connection: _connection,
  credentials: _credentials,
  ...KNOWN_OPTIONS
} = { ...PUBLISHER_OPTIONS, strict: true as const };

type Environment = Readonly<Record<string, string | undefined>>;

/** By the variable; each is one identity. */
const IDENTITIES = {
  WAYBILL_NATS_USER: 'user',
  WAYBILL_NATS_TOKEN: 'token',
  WAYBILL_NATS_CREDS_FILE: 'credsFile',
  WAYBILL_NATS_NKEY_SEED_FILE: 'nkeySeedFile',
} as const;

/**
 * Makes the sink that `WAYBILL_SINK` names:
 *
 * - `nats` (default): a publisher for `WAYBILL_NATS_URL`, with the other `WAYBILL_NATS_…` variables of the `waybill`
 *   command. Without a URL it is disabled, and says so once.
 * - `file`: `fileSink` in `WAYBILL_SINK_DIRECTORY`
 * - `null`: `nullSink`
 *
 * A service starts whatever the environment says: variables that cannot work give the null sink and one line in the
 * log.
 *
 * @param options what the service itself says; a file sink takes those of them that it knows
 * @throws PublisherError INVALID_OPTIONS for a name that is no option; with `strict`, for whatever cannot work
 */
export function sinkFromEnvironment(options: EnvironmentSinkOptions, env: Environment = process.env): Sink {
  checkOptions('sinkFromEnvironment', options, KNOWN_OPTIONS);
  const { strict = false, ...own } = options;
  try {
    return makeSink(own, env);
  } catch (error) {
    if (strict) throw error;
    warn(own.logger ?? CONSOLE_LOGGER, error instanceof Error ? error.message : String(error));
    return nullSink();
  }
}

function makeSink(options: SinkOptions, env: Environment): Sink {
  const kind = valueOf(env, 'WAYBILL_SINK') ?? 'nats';
  switch (kind) {
    case 'nats':
      return createPublisher({ ...options, ...natsOptions(env, options.connect) });
    case 'file': {
      const directory = valueOf(env, 'WAYBILL_SINK_DIRECTORY');
      if (directory === undefined) throw bad('WAYBILL_SINK is file, which needs WAYBILL_SINK_DIRECTORY');
      return fileSink({ ...fileOptions(options), directory });
    }
    case 'null':
      // An option that is wrong fails here too, and not only where the service has a server.
      readOptions(options);
      return nullSink();
    default:
      throw bad(`WAYBILL_SINK is ${JSON.stringify(kind.slice(0, 64))}, expected nats, file or null`);
  }
}

function warn(logger: PublisherLogger, reason: string): void {
  try {
    outside(() => logger.warn({ reason }, 'the sink of events is configured wrongly: events are dropped'));
  } catch {
    // A logger that throws cannot be told of it.
  }
}

/** Those that a file sink knows: the others are the publisher's. */
function fileOptions({ source, ...options }: SinkOptions): Omit<FileSinkOptions, 'directory'> {
  const known = Object.entries(options).filter(([name]) => Object.hasOwn(FILE_SINK_OPTIONS, name));
  return { source, ...Object.fromEntries(known) };
}

/** @throws PublisherError INVALID_OPTIONS naming the variables */
export function natsOptions(env: Environment, connect: PublisherOptions['connect']): Partial<PublisherOptions> {
  const [caFile, certFile, keyFile] = ['CA', 'CERT', 'KEY'].map((name) =>
    valueOf(env, `WAYBILL_NATS_TLS_${name}_FILE`),
  );
  const tls = { ...(caFile && { caFile }), ...(certFile && { certFile }), ...(keyFile && { keyFile }) };
  const inboxPrefix = valueOf(env, 'WAYBILL_NATS_INBOX_PREFIX');
  const credentials = credentialsOf(env);
  return {
    servers: valueOf(env, 'WAYBILL_NATS_URL'),
    ...(credentials && { credentials }),
    connect: { ...connect, ...(Object.keys(tls).length > 0 && { tls }) },
    ...(inboxPrefix && { inboxPrefix }),
  };
}

function credentialsOf(env: Environment): Credentials | undefined {
  const set = Object.entries(IDENTITIES).filter(([variable]) => valueOf(env, variable) !== undefined);
  if (set.length > 1) throw bad(`${set.map(([variable]) => variable).join(' and ')} are set: expected one identity`);
  const pass = valueOf(env, 'WAYBILL_NATS_PASSWORD');
  const [variable, option] = set[0] ?? [];
  if ((option === 'user') !== (pass !== undefined)) {
    throw bad('expected both WAYBILL_NATS_USER and WAYBILL_NATS_PASSWORD, or none of them');
  }
  if (variable === undefined || option === undefined) return undefined;
  return { [option]: valueOf(env, variable), ...(pass !== undefined && { pass }) } as unknown as Credentials;
}

/** An empty variable counts as unset. */
function valueOf(env: Environment, name: string): string | undefined {
  return env[name] === '' ? undefined : env[name];
}

function bad(detail: string): PublisherError {
  return new PublisherError('INVALID_OPTIONS', detail);
}
