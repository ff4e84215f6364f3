/** The publisher's own connection: opened in the background and never given up. */
import type { NodeConnectionOptions } from '@nats-io/transport-node';
import { type BackoffBounds, createBackoff } from './backoff.ts';
import type { ConnectionLike } from './connection.ts';

export interface DialOptions extends BackoffBounds {
  readonly servers: readonly string[];
  readonly connect: Omit<NodeConnectionOptions, 'servers'>;
  connected(connection: ConnectionLike): void;
  failed(error: unknown): void;
}

export interface Dial {
  /** The connection was closed, by an error that its client does not mend: dial anew. */
  again(): void;
  close(): Promise<void>;
}

/**
 * The first connection is tried in a loop of our own instead of the client's `waitOnFirstConnect`, which cannot be
 * stopped: `close()` would leave it dialling and hold the process for ever.
 */
export function startDial(options: DialOptions): Dial {
  const { servers, connect, minMs, maxMs, connected, failed } = options;
  const backoff = createBackoff({ minMs, maxMs });
  let connection: ConnectionLike | null = null;
  let timer: NodeJS.Timeout | undefined;
  let closed = false;
  let attempt: Promise<void> = Promise.resolve();

  const dial = async (): Promise<void> => {
    try {
      // Loaded here, so that a service that is not configured, or brings its connection, does not pay for it.
      const transport = await import('@nats-io/transport-node');
      if (closed) return;
      const opened = await transport.connect({
        timeout: 5_000,
        pingInterval: 5_000,
        noAsyncTraces: true,
        reconnectDelayHandler: () => minMs + Math.random() * (Math.min(maxMs, 2_000) - minMs),
        ...connect,
        servers: [...servers],
        reconnect: true,
        maxReconnectAttempts: -1,
        ignoreAuthErrorAbort: true,
        waitOnFirstConnect: false,
      });
      if (closed) return await opened.close();
      backoff.reset();
      connection = opened;
      connected(opened);
    } catch (error) {
      if (closed) return;
      failed(error);
      again();
    }
  };
  const again = (): void => {
    connection = null;
    timer = setTimeout(() => {
      attempt = dial();
    }, backoff.next());
  };
  attempt = dial();

  return {
    again() {
      if (!closed) again();
    },
    async close() {
      closed = true;
      clearTimeout(timer);
      await attempt;
      await connection?.close();
    },
  };
}
