/**
 * The `config/` room: what an operator sets from outside, as environment variables and the files that they name. It
 * turns text into checked values, or throws. It opens no connection and reads nothing but those files.
 *
 * This file reads all `WAYBILL_*` variables at once.
 */
import { closest } from '@waybill/schema/internal';
import type { z } from 'zod';
import type { ConsumerError } from '../errors.ts';
import type { Settings } from '../settings.ts';
import { type AccessConfig, accessConfig } from './access-config.ts';
import { type ApiConfig, apiConfig } from './api-config.ts';
import { badConfig, Environment, type LOG_LEVELS, type SERVICE_ROLES, type STREAM_MODES } from './environment.ts';
import { type NatsConfig, natsConfig } from './nats-config.ts';

export interface Config {
  readonly nats: NatsConfig;
  readonly settings: Settings;
  readonly role: (typeof SERVICE_ROLES)[number];
  /** null: this process answers nothing. */
  readonly api: ApiConfig | null;
  readonly streamMode: (typeof STREAM_MODES)[number];
  readonly replicas: number;
  /** 0: no limit. So with the next two. */
  readonly auditMaxAgeMs: number;
  readonly auditMaxBytes: number;
  readonly ledgerMaxBytes: number;
  /** How often `serve` compares the streams with what is wanted; 0: never. */
  readonly checkIntervalMs: number;
  /** Whether `serve` uses the writer's fast paths. */
  readonly fastPaths: boolean;
  readonly bill: { readonly issuer: string; readonly keyFile: string | null };
  /** The metering engine's key: at most one of them. */
  readonly push: { readonly key: string | null; readonly keyFile: string | null };
  readonly logLevel: (typeof LOG_LEVELS)[number];
  readonly http: { readonly port: number; readonly host: string } | null;
  /** Who may ask over HTTP. */
  readonly access: AccessConfig;
  /** `WAYBILL_*` variables that Waybill does not know, and that are no typing error of one that it knows. */
  readonly ignored: readonly string[];
}

/** Variables whose values appear in no message. */
const SECRET: ReadonlySet<string> = new Set([
  'WAYBILL_NATS_PASSWORD',
  'WAYBILL_NATS_TOKEN',
  'WAYBILL_NATS_URL',
  'WAYBILL_PUSH_KEY',
  'WAYBILL_ACCESS_NATS_PASSWORD',
  'WAYBILL_ACCESS_NATS_URL',
]);

/**
 * Reads the environment. An unknown variable whose name is a typing error away from a known one is an error. Any other
 * unknown one is only listed: Kubernetes sets `WAYBILL_PORT` and the like for a service named waybill.
 *
 * @throws ConsumerError BAD_CONFIG naming the variable, its value and what is expected
 */
export function readConfig(env: Readonly<Record<string, string | undefined>>): Config {
  const given = Object.entries(env).filter(
    ([name, value]) => name.startsWith('WAYBILL_') && value !== '' && value !== undefined,
  );
  const ignored = ignoredNames(given.map(([name]) => name));
  const values = Object.fromEntries(given);
  const result = Environment.safeParse(values);
  if (!result.success) throw badValue(values, result.error.issues[0]);
  return toConfig(result.data, ignored);
}

/** @throws ConsumerError BAD_CONFIG for a typing error */
function ignoredNames(names: readonly string[]): string[] {
  const known = Object.keys(Environment.shape);
  const ignored = names.filter((name) => !known.includes(name));
  for (const name of ignored) {
    const meant = closest(name, known, maxTypos(name));
    if (meant) throw badConfig(`${name} is not a variable of Waybill: did you mean ${meant}?`);
  }
  return ignored;
}

/** At most half of the name may be wrong, so that `WAYBILL_PORT` does not count as a misspelt `WAYBILL_FAST`. */
function maxTypos(name: string): number {
  return Math.min(3, Math.floor((name.length - 'WAYBILL_'.length) / 2));
}

function badValue(values: Readonly<Record<string, string | undefined>>, issue?: z.core.$ZodIssue): ConsumerError {
  const name = String(issue?.path[0]);
  const shown = SECRET.has(name) ? '(not shown)' : JSON.stringify(values[name]);
  const expected =
    issue?.code === 'invalid_value' ? `expected one of ${issue.values.join(', ')}` : (issue?.message ?? 'invalid');
  return badConfig(`${name} is ${shown}: ${expected}`);
}

function toConfig(env: Environment, ignored: readonly string[]): Config {
  const settings = streamSettings(env);
  return {
    nats: natsConfig(env),
    settings,
    role: env.WAYBILL_ROLE,
    api: apiConfig(env),
    streamMode: env.WAYBILL_STREAM_MODE,
    replicas: env.WAYBILL_REPLICAS,
    auditMaxAgeMs: env.WAYBILL_AUDIT_MAX_AGE,
    auditMaxBytes: env.WAYBILL_AUDIT_MAX_BYTES,
    ledgerMaxBytes: env.WAYBILL_LEDGER_MAX_BYTES,
    checkIntervalMs: env.WAYBILL_CHECK_SECONDS * 1000,
    fastPaths: env.WAYBILL_FAST === '1',
    bill: { issuer: env.WAYBILL_BILL_ISSUER, keyFile: env.WAYBILL_BILL_KEY_FILE ?? null },
    push: pushKey(env),
    logLevel: env.WAYBILL_LOG_LEVEL,
    http: env.WAYBILL_HTTP_PORT === undefined ? null : { port: env.WAYBILL_HTTP_PORT, host: env.WAYBILL_HTTP_HOST },
    access: accessConfig(env, settings),
    ignored,
  };
}

/** @throws ConsumerError BAD_CONFIG when both are set */
function pushKey({ WAYBILL_PUSH_KEY: key, WAYBILL_PUSH_KEY_FILE: keyFile }: Environment): Config['push'] {
  if (key === undefined || keyFile === undefined) return { key: key ?? null, keyFile: keyFile ?? null };
  throw badConfig('WAYBILL_PUSH_KEY and WAYBILL_PUSH_KEY_FILE are set: expected one of them');
}

/** @throws ConsumerError BAD_CONFIG when events, blocks and messages of operators would be mixed up */
function streamSettings(env: Environment): Settings {
  const {
    WAYBILL_AUDIT_STREAM: auditStream,
    WAYBILL_LEDGER_STREAM: ledgerStream,
    WAYBILL_AUDIT_PREFIX: auditPrefix,
    WAYBILL_LEDGER_PREFIX: ledgerPrefix,
    WAYBILL_CONTROL_PREFIX: controlPrefix,
  } = env;
  if (auditStream === ledgerStream) {
    throw badConfig(`WAYBILL_AUDIT_STREAM and WAYBILL_LEDGER_STREAM are both ${auditStream}: expected two names`);
  }
  if (`${ledgerPrefix}.`.startsWith(`${auditPrefix}.`)) {
    throw badConfig(
      `WAYBILL_LEDGER_PREFIX is ${ledgerPrefix}, within WAYBILL_AUDIT_PREFIX (${auditPrefix}): expected a prefix of its own, or blocks would be events too`,
    );
  }
  for (const [name, other] of [
    ['WAYBILL_AUDIT_PREFIX', auditPrefix],
    ['WAYBILL_LEDGER_PREFIX', ledgerPrefix],
  ] as const) {
    if (!overlaps(controlPrefix, other)) continue;
    throw badConfig(
      `WAYBILL_CONTROL_PREFIX is ${controlPrefix}, and ${name} is ${other}: expected two that are not within each other, or who may publish the one may publish the other`,
    );
  }
  return { auditStream, ledgerStream, auditPrefix, ledgerPrefix, controlPrefix };
}

function overlaps(a: string, b: string): boolean {
  return `${a}.`.startsWith(`${b}.`) || `${b}.`.startsWith(`${a}.`);
}
