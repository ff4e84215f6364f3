/** The sink that the environment chooses, so that one build of a service runs with a server, with files, or with neither. */
import { checkOptions } from '../check-options.ts';
import type { Credentials } from '../credentials.ts';
import { PublisherError } from '../error.ts';
import { PUBLISHER_OPTIONS, type PublisherOptions } from '../options.ts';
import { readOptions } from '../publisher/read-options.ts';
import type { Sink } from '../sink.ts';
import { createSink, type CreateSinkOptions, orNullSink, type SinkConfig } from './create-sink.ts';
import { FILE_SINK_OPTIONS, type FileSinkOptions } from './file-sink.ts';

export interface EnvironmentSinkOptions extends Omit<
  PublisherOptions,
  'servers' | 'connection' | 'credentials' | 'source' | 'logger'
> {
  /** URI-reference of the emitting service, e.g. `//cas.example/artifact-cas`. */
  readonly source: string;
}

/** What the environment says is no option here. */
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
 * - `nats` (default): a publisher for `WAYBILL_NATS_URL`, with the other `WAYBILL_NATS_…` variables of the `waybill` command;
 *   without a URL it is disabled, and says so once
 * - `file`: `fileSink` in `WAYBILL_SINK_DIRECTORY`
 * - `null`: nothing
 *
 * Variables that cannot work give the null sink and one line in the log, as in `createSink`.
 *
 * @param options what the service says itself; a file sink takes of it what it knows
 * @throws PublisherError INVALID_OPTIONS for a name that is no option, whatever the sink; else only with `strict`
 */
export function sinkFromEnvironment(
  options: EnvironmentSinkOptions & CreateSinkOptions,
  env: Environment = process.env,
): Sink {
  checkOptions('sinkFromEnvironment', options, KNOWN_OPTIONS);
  const { strict = false, logger, ...own } = options;
  const how = { strict, ...(logger && { logger }) };
  return orNullSink(
    () => createSink(readEnvironment({ ...own, ...(logger && { logger }) }, env), { ...how, strict: true }),
    how,
  );
}

function readEnvironment(
  options: EnvironmentSinkOptions & Pick<CreateSinkOptions, 'logger'>,
  env: Environment,
): SinkConfig {
  const kind = valueOf(env, 'WAYBILL_SINK') ?? 'nats';
  switch (kind) {
    case 'nats':
      return { kind, ...options, ...natsOptions(env, options.connect) };
    case 'file': {
      const directory = valueOf(env, 'WAYBILL_SINK_DIRECTORY');
      if (directory === undefined) throw bad('WAYBILL_SINK is file, which needs WAYBILL_SINK_DIRECTORY');
      return { kind, ...fileOptions(options), directory };
    }
    case 'null':
      // What is wrong with them shows wherever the service runs.
      readOptions(options);
      return { kind };
    default:
      throw bad(`WAYBILL_SINK is ${JSON.stringify(kind.slice(0, 64))}, expected nats, file or null`);
  }
}

/** Those that a file sink knows: the others are the publisher's. */
function fileOptions({ source, ...options }: EnvironmentSinkOptions): Omit<FileSinkOptions, 'directory'> {
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
