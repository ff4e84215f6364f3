/** Opening the NATS connection that everything here runs over, and refusing servers that cannot do what is needed. */
import { jetstreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/nats-core';
import { connect as dial, type NodeConnectionOptions } from '@nats-io/transport-node';
import { connectionFault, type KnownOptions } from '@waybill/schema';
import { checkOptions } from '../check-options.ts';
import type { NatsSettings } from '../config/config.ts';
import { fileAuthenticator } from './credentials.ts';
import { checkPeriod } from '../check-period.ts';
import { ConsumerError } from '../errors.ts';
import { explain, isIdentityRefused } from './nats-error.ts';
import { createSockets } from './sockets.ts';
import { checkTlsFiles } from '../config/tls-files.ts';

/** The oldest that everything here was run on (2.10.27, by hand); the tests run on the current one. */
export const OLDEST_SERVER = '2.10.0';
/** From here on `sync_interval: always` keeps an acknowledged event through a power failure (nats-server #8456, #8475). */
const DURABLE_SERVER = '2.15.0';

export interface ConnectOptions {
  /** Shows in the server's connection list. Default: `waybill`. */
  readonly name?: string;
  /** How long to wait for one server to answer, in milliseconds. Default: 5,000. */
  readonly timeoutMs?: number;
}

const NATS_SETTINGS: KnownOptions<NatsSettings> = {
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
const OPTIONS: KnownOptions<ConnectOptions> = {
  name: true,
  timeoutMs: true,
};

/**
 * Connects once; from then on the connection mends itself for ever.
 *
 * @throws ConsumerError BAD_ARGUMENT, CANNOT_CONNECT, BAD_CONFIG (a file that cannot be used), SERVER_TOO_OLD, JETSTREAM_OFF
 */
export async function openConnection(nats: NatsSettings, options: ConnectOptions = {}): Promise<NatsConnection> {
  checkOptions('openConnection', nats, NATS_SETTINGS);
  checkOptions('openConnection', options, OPTIONS);
  const servers = nats.servers.join(', ');
  const timeoutMs = checkPeriod('openConnection: timeoutMs', options.timeoutMs ?? 5_000);
  const authenticator = fileAuthenticator(nats);
  checkTlsFiles(nats);
  const sockets = createSockets();
  const open = (): Promise<NatsConnection> =>
    dial({
      servers: [...nats.servers],
      name: options.name ?? 'waybill',
      timeout: timeoutMs,
      inboxPrefix: nats.inboxPrefix,
      maxReconnectAttempts: -1,
      // After a restart of the server a standby must not be back long before the writer: it would take its place.
      reconnectTimeWait: 500,
      // A password that is being rotated ends nothing.
      ignoreAuthErrorAbort: true,
      pingInterval: 5_000,
      maxPingOut: 2,
      noAsyncTraces: true,
      ...(authenticator && { authenticator }),
      ...(nats.user !== undefined && !authenticator && { user: nats.user }),
      ...(nats.password !== undefined && { pass: nats.password }),
      ...(nats.token !== undefined && { token: nats.token }),
      ...(nats.tls && { tls: tlsOf(nats) }),
    });
  let nc: NatsConnection;
  try {
    nc = await sockets.run(open);
  } catch (cause) {
    sockets.close();
    throw new ConsumerError('CANNOT_CONNECT', `could not connect to NATS at ${servers}: ${connectionFault(cause)}`, {
      cause,
    });
  }
  // A client that is closed while it dials forgets that socket, and a frozen server never ends it.
  nc.closed().then(sockets.close, sockets.close);
  try {
    await checkServer(nc);
    return nc;
  } catch (error) {
    await nc.close();
    throw error;
  }
}

function tlsOf({ tlsCaFile, tlsCertFile, tlsKeyFile }: NatsSettings): NonNullable<NodeConnectionOptions['tls']> {
  return {
    ...(tlsCaFile !== undefined && { caFile: tlsCaFile }),
    ...(tlsCertFile !== undefined && { certFile: tlsCertFile }),
    ...(tlsKeyFile !== undefined && { keyFile: tlsKeyFile }),
  };
}

/** Whether connecting failed because the server does not take this identity, which waiting does not change. */
export function isRefused(error: unknown): boolean {
  for (let one = error; one instanceof Error; one = one.cause) if (isIdentityRefused(one)) return true;
  return false;
}

/** @throws ConsumerError SERVER_TOO_OLD or JETSTREAM_OFF */
async function checkServer(nc: NatsConnection): Promise<void> {
  const version = nc.info?.version ?? '0.0.0';
  const where = `the nats-server at ${nc.getServer()}`;
  if (isOlder(version, OLDEST_SERVER)) {
    throw new ConsumerError('SERVER_TOO_OLD', `${where} is version ${version}: ${OLDEST_SERVER} or newer is needed`);
  }
  try {
    const jsm = await jetstreamManager(nc, { checkAPI: false });
    await jsm.getAccountInfo();
  } catch (cause) {
    const error = explain(cause, `ask ${where} about JetStream`);
    // An identity that need not know about the account as a whole is fine.
    if (error.code !== 'NO_PERMISSION') throw error;
  }
}

/** @returns what an operator should know about this server, or null */
export function durabilityWarning(nc: NatsConnection): string | null {
  const version = nc.info?.version ?? '0.0.0';
  if (!isOlder(version, DURABLE_SERVER)) return null;
  return `nats-server ${version} can lose acknowledged events in a power failure even with sync_interval: always; ${DURABLE_SERVER} or newer does not`;
}

/** Compares the numbers of two versions; what follows them (`-RC.1`, `-dev`) is not looked at. */
export function isOlder(version: string, than: string): boolean {
  const numbers = (text: string): number[] => (/^v?(\d+)\.(\d+)\.(\d+)/.exec(text) ?? []).slice(1).map(Number);
  const a = numbers(version);
  const b = numbers(than);
  for (let i = 0; i < 3; i++) {
    const difference = (a[i] ?? 0) - (b[i] ?? 0);
    if (difference !== 0) return difference < 0;
  }
  return false;
}
