/**
 * The `nats/` room: everything that knows NATS and nothing of Waybill. Connections, errors and denials of the server,
 * publishing with acknowledgements, and the ways to read a stream in order. Names of streams and subjects come in as
 * arguments. Events, chains and blocks never come in: here a message is a subject, headers and bytes.
 *
 * This file opens the connection that everything else runs over, and closes it again when the server cannot do what is
 * needed.
 */
import { jetstreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/nats-core';
import { connect as dial, type NodeConnectionOptions } from '@nats-io/transport-node';
import { cannotConnect } from '../cannot-connect.ts';
import { checkOptions, type KnownOptions } from '../check-options.ts';
import { checkPeriod } from '../check-period.ts';
import { ConsumerError } from '../errors.ts';
import { NATS_CONFIG, type NatsConfig } from '../config/nats-config.ts';
import { checkTlsFiles } from '../config/tls-files.ts';
import { fileAuthenticator } from './credentials.ts';
import { explain } from './nats-error.ts';
import { isOlder, OLDEST_SERVER, serverVersion } from './server-version.ts';
import { createSockets } from './sockets.ts';

export interface ConnectOptions {
  /** Shows in the server's connection list. Default: `waybill`. */
  readonly name?: string;
  /** How long to wait for one server to answer, in milliseconds. Default: 5,000. */
  readonly timeoutMs?: number;
}

const OPTIONS: KnownOptions<ConnectOptions> = {
  name: true,
  timeoutMs: true,
};

/**
 * Connects once. After that, the connection reconnects by itself and never gives up.
 *
 * @throws ConsumerError BAD_ARGUMENT, CANNOT_CONNECT, BAD_CONFIG (a file that cannot be used), SERVER_TOO_OLD,
 *   JETSTREAM_OFF
 */
export async function openConnection(nats: NatsConfig, options: ConnectOptions = {}): Promise<NatsConnection> {
  checkOptions('openConnection', nats, NATS_CONFIG);
  checkOptions('openConnection', options, OPTIONS);
  const dialOptions = dialOptionsOf(nats, options);
  const sockets = createSockets();
  let nc: NatsConnection;
  try {
    nc = await sockets.run(() => dial(dialOptions));
  } catch (cause) {
    sockets.close();
    throw cannotConnect(nats.servers, cause);
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

/** @throws ConsumerError BAD_ARGUMENT, BAD_CONFIG for a file that cannot be used */
function dialOptionsOf(
  nats: NatsConfig,
  { name = 'waybill', timeoutMs = 5_000 }: ConnectOptions,
): NodeConnectionOptions {
  const timeout = checkPeriod('openConnection: timeoutMs', timeoutMs);
  const authenticator = fileAuthenticator(nats);
  checkTlsFiles(nats);
  return {
    servers: [...nats.servers],
    name,
    timeout,
    inboxPrefix: nats.inboxPrefix,
    maxReconnectAttempts: -1,
    // After a restart of the server, a standby that reconnects long before the writer would take over from it.
    reconnectTimeWait: 500,
    // A password that is being rotated must not close the connection for good.
    ignoreAuthErrorAbort: true,
    pingInterval: 5_000,
    maxPingOut: 2,
    noAsyncTraces: true,
    ...(authenticator && { authenticator }),
    ...(nats.user !== undefined && !authenticator && { user: nats.user }),
    ...(nats.password !== undefined && { pass: nats.password }),
    ...(nats.token !== undefined && { token: nats.token }),
    ...(nats.tls && { tls: tlsOf(nats) }),
  };
}

function tlsOf({ tlsCaFile, tlsCertFile, tlsKeyFile }: NatsConfig): NonNullable<NodeConnectionOptions['tls']> {
  return {
    ...(tlsCaFile !== undefined && { caFile: tlsCaFile }),
    ...(tlsCertFile !== undefined && { certFile: tlsCertFile }),
    ...(tlsKeyFile !== undefined && { keyFile: tlsKeyFile }),
  };
}

/** @throws ConsumerError SERVER_TOO_OLD or JETSTREAM_OFF */
async function checkServer(nc: NatsConnection): Promise<void> {
  const version = serverVersion(nc);
  const where = `the nats-server at ${nc.getServer()}`;
  if (isOlder(version, OLDEST_SERVER)) {
    throw new ConsumerError('SERVER_TOO_OLD', `${where} is version ${version}: ${OLDEST_SERVER} or newer is needed`);
  }
  try {
    const jsm = await jetstreamManager(nc, { checkAPI: false });
    await jsm.getAccountInfo();
  } catch (cause) {
    const error = explain(cause, `ask ${where} about JetStream`);
    // Waybill does not need the permission to ask about the account.
    if (error.code !== 'NO_PERMISSION') throw error;
  }
}
