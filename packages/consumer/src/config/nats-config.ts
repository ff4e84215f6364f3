import { inboxPrefixOf, readServerAddress, type ServerAddress, splitServers } from '@waybill/schema/internal';
import type { KnownOptions } from '../check-options.ts';
import { badConfig, type Environment, requireBoth } from './environment.ts';

/** How to connect to NATS, and as whom. It has secrets: never print it. */
export interface NatsConfig {
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
  /** How the names of its variables begin, for messages. Default: `WAYBILL_NATS`. */
  readonly variables?: string | undefined;
}

export const NATS_CONFIG: KnownOptions<NatsConfig> = {
  servers: true,
  tls: true,
  user: true,
  password: true,
  passwordFile: true,
  token: true,
  credsFile: true,
  nkeySeedFile: true,
  tlsCaFile: true,
  tlsCertFile: true,
  tlsKeyFile: true,
  inboxPrefix: true,
  variables: true,
};

const IDENTITIES = [
  'WAYBILL_NATS_USER',
  'WAYBILL_NATS_TOKEN',
  'WAYBILL_NATS_CREDS_FILE',
  'WAYBILL_NATS_NKEY_SEED_FILE',
] as const;
/** The inbox prefix of an identity without a user name. */
const ANONYMOUS_INBOX = '_INBOX.waybill';

/** @throws ConsumerError BAD_CONFIG naming the variable */
export function natsConfig(env: Environment): NatsConfig {
  checkIdentity(env);
  requireBoth(env, 'WAYBILL_NATS_TLS_CERT_FILE', 'WAYBILL_NATS_TLS_KEY_FILE');
  const { servers, tls, identity } = serverAddress(env);
  if (identity && IDENTITIES.some((name) => env[name] !== undefined)) {
    throw badConfig('WAYBILL_NATS_URL has a user or token, and another identity is set: expected one identity');
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

/**
 * The connection for the stream of tokens.
 *
 * @returns null when it is the one for everything else
 * @throws ConsumerError BAD_CONFIG naming the variable
 */
export function accessNatsConfig(env: Environment): NatsConfig | null {
  const {
    WAYBILL_ACCESS_NATS_URL: url,
    WAYBILL_ACCESS_NATS_USER: user,
    WAYBILL_ACCESS_NATS_PASSWORD: password,
    WAYBILL_ACCESS_NATS_PASSWORD_FILE: passwordFile,
    WAYBILL_ACCESS_NATS_CREDS_FILE: credsFile,
    WAYBILL_ACCESS_NATS_INBOX_PREFIX: inboxPrefix,
  } = env;
  const given = [url, user, password, passwordFile, credsFile, inboxPrefix];
  if (given.every((value) => value === undefined)) return null;
  const own = {
    ...env,
    WAYBILL_NATS_URL: url ?? withoutIdentity(env),
    WAYBILL_NATS_USER: user,
    WAYBILL_NATS_PASSWORD: password,
    WAYBILL_NATS_PASSWORD_FILE: passwordFile,
    WAYBILL_NATS_TOKEN: undefined,
    WAYBILL_NATS_CREDS_FILE: credsFile,
    WAYBILL_NATS_NKEY_SEED_FILE: undefined,
    WAYBILL_NATS_INBOX_PREFIX: inboxPrefix,
  };
  try {
    return { ...natsConfig(own), variables: 'WAYBILL_ACCESS_NATS' };
  } catch (error) {
    throw badConfig((error as Error).message.replaceAll('WAYBILL_NATS_', 'WAYBILL_ACCESS_NATS_'));
  }
}

/** The servers of everything else: who one is there says nothing about who one is here. */
function withoutIdentity(env: Environment): string {
  const { servers, tls } = serverAddress(env);
  return servers.map((server) => `${tls ? 'tls' : 'nats'}://${server}`).join(',');
}

function checkIdentity(env: Environment): void {
  const identities = IDENTITIES.filter((name) => env[name] !== undefined);
  if (identities.length > 1) throw badConfig(`${identities.join(' and ')} are set: expected one identity`);
  const { WAYBILL_NATS_PASSWORD: password, WAYBILL_NATS_PASSWORD_FILE: file } = env;
  if (password !== undefined && file !== undefined)
    throw badConfig('WAYBILL_NATS_PASSWORD and WAYBILL_NATS_PASSWORD_FILE are set: expected one of them');
  requireBoth(env, 'WAYBILL_NATS_USER', file === undefined ? 'WAYBILL_NATS_PASSWORD' : 'WAYBILL_NATS_PASSWORD_FILE');
}

function serverAddress(env: Environment): ServerAddress {
  const list = splitServers(env.WAYBILL_NATS_URL);
  if (list.length === 0) throw badConfig('WAYBILL_NATS_URL: expected one or more servers, comma-separated');
  try {
    return readServerAddress(list, 'WAYBILL_NATS_URL');
  } catch (error) {
    throw badConfig((error as Error).message);
  }
}
