/** The publisher's own connection: opened in the background and never given up. */
import type { NodeConnectionOptions } from '@nats-io/transport-node';
import { inboxPrefixOf } from '@waybill/schema';
import { type BackoffBounds, createBackoff } from '../backoff.ts';
import type { ConnectionLike } from '../connection-like.ts';
import type { Credentials } from '../credentials.ts';
import { within } from '../duration.ts';
import { createAuthenticator } from './authenticator.ts';
import type { Source } from './connection-supply.ts';
import { unrefTimers } from './link.ts';
import { createSockets } from './sockets.ts';

export interface DialOptions extends BackoffBounds {
  /** Each as `host:port`. */
  readonly servers: readonly string[];
  /** The connection has to be encrypted. */
  readonly tls: boolean;
  readonly connect: Omit<NodeConnectionOptions, 'servers'>;
  readonly credentials: Credentials | undefined;
  connected(connection: ConnectionLike): void;
  failed(error: unknown): void;
}

/** How often a client's new timers are looked for once the process may end without them. */
const UNREF_MS = 100;
/** How long `close` waits for a dial that it has ended. */
const LEAVE_MS = 100;

/**
 * The first connection is tried in a loop of our own instead of the client's `waitOnFirstConnect`, which cannot be
 * stopped: `close()` would leave it dialling and hold the process for ever.
 */
export function startDial(options: DialOptions): Source {
  const { servers, tls, connect, credentials, minMs, maxMs, connected, failed } = options;
  const backoff = createBackoff({ minMs, maxMs });
  const sockets = createSockets();
  let connection: ConnectionLike | null = null;
  let timer: NodeJS.Timeout | undefined;
  let closed = false;
  let holds = true;
  let unrefAgain: NodeJS.Timeout | undefined;
  let downSince = 0;
  const inboxPrefix = inboxPrefixOf(credentials && 'user' in credentials ? credentials.user : connect.user);

  /** The client asks several times for each dial, so the bound grows with time and not with the number of calls. */
  const reconnectDelay = (): number => {
    const now = performance.now();
    if (downSince === 0) downSince = now;
    return Math.random() * Math.min(maxMs, Math.max(minMs, (now - downSince) / 2));
  };

  const open = async (): Promise<ConnectionLike> => {
    // Loaded here, so that a service that is not configured, or brings its connection, does not pay for it.
    const transport = await import('@nats-io/transport-node');
    return transport.connect({
      timeout: 5_000,
      pingInterval: 5_000,
      noAsyncTraces: true,
      reconnectDelayHandler: reconnectDelay,
      ...(inboxPrefix !== undefined && { inboxPrefix }),
      ...connect,
      // Without it the client goes on in the clear where the server offers no TLS.
      ...(tls && { tls: connect.tls ?? {} }),
      ...(credentials && { authenticator: createAuthenticator(credentials, transport) }),
      servers: [...servers],
      reconnect: true,
      maxReconnectAttempts: -1,
      ignoreAuthErrorAbort: true,
      waitOnFirstConnect: false,
    });
  };

  const dial = async (): Promise<void> => {
    try {
      const opened = await sockets.run(open);
      if (closed) return await opened.close();
      backoff.reset();
      downSince = 0;
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
    if (!holds) timer.unref();
  };
  let attempt: Promise<void> = Promise.resolve();
  const start = (): void => {
    attempt = dial();
  };
  start();

  return {
    up() {
      downSince = 0;
    },
    again() {
      if (!closed) again();
    },
    unref() {
      if (closed || !holds) return;
      holds = false;
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
      // A client whose socket is destroyed after it has sent CONNECT does not see that, and waits for its own timeout.
      await within(attempt, LEAVE_MS, () => {});
    },
  };
}
