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
