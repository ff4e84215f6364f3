/**
 * Configuration: `WAYBILL_*` environment variables. The schema is the documentation: `docs/configuration.md` has exactly
 * its rows, and a test compares them.
 */
import {
  closest,
  DEFAULT_EVENT_PREFIX,
  DEFAULT_LEDGER_PREFIX,
  inboxPrefixOf,
  readServerAddress,
  type ServerAddress,
  splitServers,
  SUBJECT_PREFIX_PATTERN,
} from '@waybill/schema';
import { z } from 'zod';
import { Duration, Integer, Size } from './config-value.ts';
import { ConsumerError } from '../errors.ts';
import type { Settings } from '../settings.ts';

const STREAM_NAME = /^[A-Za-z0-9_-]{1,128}$/;
const streamName = z.string().regex(STREAM_NAME, 'expected a stream name: letters, digits, - and _');
const prefix = z
  .string()
  .regex(SUBJECT_PREFIX_PATTERN, 'expected subject tokens separated by dots, e.g. audit or acme.audit');
const path = z.string();

const STREAM_MODES = ['deploy', 'check', 'bind'] as const;
const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;

/** Every variable, its default and its meaning. An empty value counts as unset. */
export const Environment = z.object({
  WAYBILL_NATS_URL: z
    .string()
    .default('nats://127.0.0.1:4222')
    .describe(
      'Servers, comma-separated: `nats://host:port` or `tls://host:port`; `user:password@` or `token@` may stand before the host.',
    ),
  WAYBILL_NATS_USER: z
    .string()
    .optional()
    .describe('User name; needs `WAYBILL_NATS_PASSWORD` or `WAYBILL_NATS_PASSWORD_FILE`.'),
  WAYBILL_NATS_PASSWORD: z.string().optional().describe('Password of the user.'),
  WAYBILL_NATS_PASSWORD_FILE: path
    .optional()
    .describe('File with the password of the user, instead of `WAYBILL_NATS_PASSWORD`.'),
  WAYBILL_NATS_TOKEN: z.string().optional().describe('Token, instead of a user.'),
  WAYBILL_NATS_CREDS_FILE: path.optional().describe('File with a JWT and its seed (`.creds`), instead of a user.'),
  WAYBILL_NATS_NKEY_SEED_FILE: path.optional().describe('File with an nkey seed, instead of a user.'),
  WAYBILL_NATS_TLS_CA_FILE: path
    .optional()
    .describe('Certificates (PEM) that the server must chain to; switches TLS on.'),
  WAYBILL_NATS_TLS_CERT_FILE: path
    .optional()
    .describe('Client certificate (PEM); needs `WAYBILL_NATS_TLS_KEY_FILE`; switches TLS on.'),
  WAYBILL_NATS_TLS_KEY_FILE: path.optional().describe('Key (PEM) of the client certificate.'),
  WAYBILL_NATS_INBOX_PREFIX: prefix
    .optional()
    .describe(
      'Subject prefix for answers: the identity must be allowed to subscribe to `<prefix>.>`. Unset: `_INBOX.<user>`, as the shipped configuration has it; `_INBOX.waybill` without a user name.',
    ),
  WAYBILL_AUDIT_STREAM: streamName.default('AUDIT').describe('Name of the stream of events.'),
  WAYBILL_LEDGER_STREAM: streamName.default('LEDGER').describe('Name of the stream of blocks.'),
  WAYBILL_AUDIT_PREFIX: prefix
    .default(DEFAULT_EVENT_PREFIX)
    .describe('Events are on `<prefix>.<target>.<action>.<orgid>`.'),
  WAYBILL_LEDGER_PREFIX: prefix.default(DEFAULT_LEDGER_PREFIX).describe('Blocks are on `<prefix>.<orgid>`.'),
  WAYBILL_STREAM_MODE: z
    .enum(STREAM_MODES)
    .default('deploy')
    .describe(
      'What `serve` does first: `deploy` creates and corrects the streams; `check` compares them and does not start on drift; `bind` leaves the stream of events alone, because somebody else owns it.',
    ),
  WAYBILL_REPLICAS: Integer(1, 5).default(1).describe('Copies of each stream in a cluster.'),
  WAYBILL_AUDIT_MAX_AGE: Duration.default(0).describe('How long events are kept, e.g. `400d`; `0`: for ever.'),
  WAYBILL_AUDIT_MAX_BYTES: Size.default(0).describe('Size at which new events are refused, e.g. `200GiB`; `0`: none.'),
  WAYBILL_LEDGER_MAX_BYTES: Size.default(0).describe('Size at which the ledger takes no more blocks; `0`: none.'),
  WAYBILL_CHECK_SECONDS: Integer(0, 86_400)
    .default(60)
    .describe(
      'How often `serve` compares the streams with what is wanted; `0`: only when JetStream announces a change.',
    ),
  WAYBILL_LOG_LEVEL: z.enum(LOG_LEVELS).default('info').describe('Least important log line that `serve` writes.'),
  WAYBILL_HTTP_PORT: Integer(0, 65_535)
    .optional()
    .describe('Port of `/healthz`, `/readyz`, `/status` and `/metrics`; `0`: any free one. Unset: no HTTP.'),
  WAYBILL_HTTP_HOST: z.string().default('127.0.0.1').describe('Address that the HTTP port is opened on.'),
});
export type Environment = z.infer<typeof Environment>;

/** How to connect. Secrets are in here: never print it. */
export interface NatsSettings {
  readonly servers: readonly string[];
  readonly tls: boolean;
  readonly user?: string | undefined;
  readonly password?: string | undefined;
  readonly passwordFile?: string | undefined;
  readonly token?: string | undefined;
  readonly credsFile?: string | undefined;
  readonly nkeySeedFile?: string | undefined;
  readonly tlsCaFile?: string | undefined;
  readonly tlsCertFile?: string | undefined;
  readonly tlsKeyFile?: string | undefined;
  readonly inboxPrefix: string;
}

export interface Config {
  readonly nats: NatsSettings;
  readonly settings: Settings;
  readonly streamMode: (typeof STREAM_MODES)[number];
  readonly replicas: number;
  /** 0: none, for this and the next two. */
  readonly auditMaxAgeMs: number;
  readonly auditMaxBytes: number;
  readonly ledgerMaxBytes: number;
  /** 0: never. */
  readonly checkIntervalMs: number;
  readonly logLevel: (typeof LOG_LEVELS)[number];
  readonly http: { readonly port: number; readonly host: string } | null;
  /** `WAYBILL_*` variables that mean nothing to Waybill, and that no variable's name is close to. */
  readonly ignored: readonly string[];
}

const SECRET: ReadonlySet<string> = new Set(['WAYBILL_NATS_PASSWORD', 'WAYBILL_NATS_TOKEN', 'WAYBILL_NATS_URL']);
/** The prefix of whoever is known by something else than a user name. */
const ANONYMOUS_INBOX = '_INBOX.waybill';
const IDENTITIES = [
  'WAYBILL_NATS_USER',
  'WAYBILL_NATS_TOKEN',
  'WAYBILL_NATS_CREDS_FILE',
  'WAYBILL_NATS_NKEY_SEED_FILE',
] as const;

/**
 * Reads the environment. A variable that is a typing error away from a known one is an error; any other unknown one is
 * only listed, because Kubernetes sets `WAYBILL_PORT` and the like for a service named waybill.
 *
 * @throws ConsumerError BAD_CONFIG naming the variable, its value and what is expected
 */
export function readConfig(env: Readonly<Record<string, string | undefined>>): Config {
  const given = Object.entries(env).filter(
    ([name, value]) => name.startsWith('WAYBILL_') && value !== '' && value !== undefined,
  );
  const known = Object.keys(Environment.shape);
  const ignored: string[] = [];
  for (const [name] of given) {
    if (known.includes(name)) continue;
    const meant = closest(name, known, 3);
    if (meant) throw bad(`${name} is not a variable of Waybill: did you mean ${meant}?`);
    ignored.push(name);
  }
  const values = Object.fromEntries(given);
  const result = Environment.safeParse(values);
  if (!result.success) {
    const issue = result.error.issues[0];
    const name = String(issue?.path[0]);
    throw bad(`${name} is ${shown(name, values[name])}: ${messageOf(issue)}`);
  }
  return toConfig(result.data, ignored);
}

function toConfig(env: Environment, ignored: readonly string[]): Config {
  const identities = IDENTITIES.filter((name) => env[name] !== undefined);
  if (identities.length > 1) throw bad(`${identities.join(' and ')} are set: expected one identity`);
  if (env.WAYBILL_NATS_PASSWORD !== undefined && env.WAYBILL_NATS_PASSWORD_FILE !== undefined)
    throw bad('WAYBILL_NATS_PASSWORD and WAYBILL_NATS_PASSWORD_FILE are set: expected one of them');
  const password =
    env.WAYBILL_NATS_PASSWORD_FILE === undefined ? 'WAYBILL_NATS_PASSWORD' : 'WAYBILL_NATS_PASSWORD_FILE';
  together(env, 'WAYBILL_NATS_USER', password);
  together(env, 'WAYBILL_NATS_TLS_CERT_FILE', 'WAYBILL_NATS_TLS_KEY_FILE');
  const settings: Settings = {
    auditStream: env.WAYBILL_AUDIT_STREAM,
    ledgerStream: env.WAYBILL_LEDGER_STREAM,
    auditPrefix: env.WAYBILL_AUDIT_PREFIX,
    ledgerPrefix: env.WAYBILL_LEDGER_PREFIX,
  };
  checkSettings(settings);
  return {
    nats: natsSettings(env),
    settings,
    streamMode: env.WAYBILL_STREAM_MODE,
    replicas: env.WAYBILL_REPLICAS,
    auditMaxAgeMs: env.WAYBILL_AUDIT_MAX_AGE,
    auditMaxBytes: env.WAYBILL_AUDIT_MAX_BYTES,
    ledgerMaxBytes: env.WAYBILL_LEDGER_MAX_BYTES,
    checkIntervalMs: env.WAYBILL_CHECK_SECONDS * 1000,
    logLevel: env.WAYBILL_LOG_LEVEL,
    http: env.WAYBILL_HTTP_PORT === undefined ? null : { port: env.WAYBILL_HTTP_PORT, host: env.WAYBILL_HTTP_HOST },
    ignored,
  };
}

function checkSettings({ auditStream, ledgerStream, auditPrefix, ledgerPrefix }: Settings): void {
  if (auditStream === ledgerStream) {
    throw bad(`WAYBILL_AUDIT_STREAM and WAYBILL_LEDGER_STREAM are both ${auditStream}: expected two names`);
  }
  if (`${ledgerPrefix}.`.startsWith(`${auditPrefix}.`)) {
    throw bad(
      `WAYBILL_LEDGER_PREFIX is ${ledgerPrefix}, within WAYBILL_AUDIT_PREFIX (${auditPrefix}): expected a prefix of its own, or blocks would be events too`,
    );
  }
}

function natsSettings(env: Environment): NatsSettings {
  const { servers, tls, identity } = serverAddress(env);
  if (identity && IDENTITIES.some((name) => env[name] !== undefined)) {
    throw bad('WAYBILL_NATS_URL has a user or token, and another identity is set: expected one identity');
  }
  const user = identity && 'user' in identity ? identity.user : env.WAYBILL_NATS_USER;
  return {
    servers,
    tls: tls || env.WAYBILL_NATS_TLS_CA_FILE !== undefined || env.WAYBILL_NATS_TLS_CERT_FILE !== undefined,
    user,
    password: identity && 'user' in identity ? identity.pass : env.WAYBILL_NATS_PASSWORD,
    passwordFile: env.WAYBILL_NATS_PASSWORD_FILE,
    token: identity && 'token' in identity ? identity.token : env.WAYBILL_NATS_TOKEN,
    credsFile: env.WAYBILL_NATS_CREDS_FILE,
    nkeySeedFile: env.WAYBILL_NATS_NKEY_SEED_FILE,
    tlsCaFile: env.WAYBILL_NATS_TLS_CA_FILE,
    tlsCertFile: env.WAYBILL_NATS_TLS_CERT_FILE,
    tlsKeyFile: env.WAYBILL_NATS_TLS_KEY_FILE,
    inboxPrefix: env.WAYBILL_NATS_INBOX_PREFIX ?? inboxPrefixOf(user) ?? ANONYMOUS_INBOX,
  };
}

function serverAddress(env: Environment): ServerAddress {
  const list = splitServers(env.WAYBILL_NATS_URL);
  if (list.length === 0) throw bad('WAYBILL_NATS_URL: expected one or more servers, comma-separated');
  try {
    return readServerAddress(list, 'WAYBILL_NATS_URL');
  } catch (error) {
    throw bad((error as Error).message);
  }
}

function together(env: Environment, a: keyof Environment, b: keyof Environment): void {
  if ((env[a] === undefined) === (env[b] === undefined)) return;
  const [set, unset] = env[a] === undefined ? [b, a] : [a, b];
  throw bad(`${set} is set and ${unset} is not: expected both or none`);
}

function shown(name: string, value: string | undefined): string {
  return SECRET.has(name) ? '(not shown)' : JSON.stringify(value);
}

function messageOf(issue: z.core.$ZodIssue | undefined): string {
  return issue?.code === 'invalid_value' ? `expected one of ${issue.values.join(', ')}` : (issue?.message ?? 'invalid');
}

function bad(message: string): ConsumerError {
  return new ConsumerError('BAD_CONFIG', message);
}
