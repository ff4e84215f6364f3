/** The publisher's own connection: opened in the background, and tried again until `close`. */
import type { NodeConnectionOptions } from '@nats-io/transport-node';
import { inboxPrefixOf } from '@waybill/schema/internal';
import { type BackoffBounds, createBackoff } from '../backoff.ts';
import type { ConnectionLike } from '../connection-like.ts';
import type { Credentials } from '../credentials.ts';
import { within } from '../duration.ts';
import { createAuthenticator } from './authenticator.ts';
import type { Source } from './connection-supply.ts';
import { unrefTimers } from './link.ts';
import { createReconnectDelay } from './reconnect-delay.ts';
import { createSockets } from './sockets.ts';

interface ServerOptions {
  /** Each as `host:port`. */
  readonly servers: readonly string[];
  /** The connection has to be encrypted. */
  readonly tls: boolean;
  readonly connect: Omit<NodeConnectionOptions, 'servers'>;
  readonly credentials: Credentials | undefined;
}

export interface DialOptions extends BackoffBounds, ServerOptions {
  connected(connection: ConnectionLike): void;
  failed(error: unknown): void;
}

/** How often a client's new timers are looked for, once the process may end without them. */
const UNREF_MS = 100;
/** How long `close` waits for a dial that it has ended. */
const LEAVE_MS = 100;

/**
 * The first connection is tried in a loop here and not with the client's `waitOnFirstConnect`, which cannot be stopped:
 * after `close()` it would go on dialling and keep the process alive.
 */
export function startDial({ minMs, maxMs, connected, failed, ...server }: DialOptions): Source {
  const backoff = createBackoff({ minMs, maxMs });
  const reconnectDelay = createReconnectDelay({ minMs, maxMs });
  const sockets = createSockets();
  let connection: ConnectionLike | null = null;
  let timer: NodeJS.Timeout | undefined;
  let closed = false;
  let keepsProcess = true;
  let unrefAgain: NodeJS.Timeout | undefined;

  const dial = async (): Promise<void> => {
    try {
      const opened = await sockets.run(() => open(server, reconnectDelay.next));
      if (closed) return await opened.close();
      backoff.reset();
      reconnectDelay.reset();
      connection = opened;
      connected(opened);
    } catch (error) {
      if (closed) return;
      sockets.destroyAll();
      failed(error);
      again();
    }
  };
  const again = (): void => {
    connection = null;
    timer = setTimeout(start, backoff.next());
    if (!keepsProcess) timer.unref();
  };
  let attempt: Promise<void> = Promise.resolve();
  const start = (): void => {
    attempt = dial();
  };
  start();

  return {
    up: () => reconnectDelay.reset(),
    again() {
      if (!closed) again();
    },
    unref() {
      if (closed || !keepsProcess) return;
      keepsProcess = false;
      timer?.unref();
      sockets.unref();
      const unref = (): void => {
        if (connection) unrefTimers(connection);
      };
      unref();
      unrefAgain = setInterval(unref, UNREF_MS).unref();
    },
    async close() {
      closed = true;
      clearTimeout(timer);
      clearInterval(unrefAgain);
      await connection?.close();
      // Ends a dial that is under way, too.
      sockets.close();
      // A client whose socket is destroyed after it has sent CONNECT does not notice, and waits for its own time-out.
      await within(attempt, LEAVE_MS, () => {});
    },
  };
}

async function open(
  { servers, tls, connect, credentials }: ServerOptions,
  reconnectDelay: () => number,
): Promise<ConnectionLike> {
  // Loaded here: a service that configures no server, or brings its connection, does not need it.
  const transport = await import('@nats-io/transport-node');
  const inboxPrefix = inboxPrefixOf(credentials && 'user' in credentials ? credentials.user : connect.user);
  return transport.connect({
    timeout: 5_000,
    pingInterval: 5_000,
    noAsyncTraces: true,
    reconnectDelayHandler: reconnectDelay,
    ...(inboxPrefix !== undefined && { inboxPrefix }),
    ...connect,
    // Without it the client goes on unencrypted where the server offers no TLS.
    ...(tls && { tls: connect.tls ?? {} }),
    ...(credentials && { authenticator: createAuthenticator(credentials, transport) }),
    servers: [...servers],
    reconnect: true,
    maxReconnectAttempts: -1,
    ignoreAuthErrorAbort: true,
    waitOnFirstConnect: false,
  });
}
