/** Gets connections from the service's function, in the background: until one comes, and again when that is closed. */
import { type BackoffBounds, createBackoff } from '../backoff.ts';
import type { ConnectionLike } from '../connection-like.ts';

export interface Source {
  /** The client has reconnected: the next outage begins with short waits again. */
  up(): void;
  /** The connection was closed: another one is needed. */
  again(): void;
  /** It no longer keeps the process alive. */
  unref(): void;
  close(): Promise<void>;
}

export interface SupplyOptions extends BackoffBounds {
  make(): ConnectionLike | Promise<ConnectionLike>;
  connected(connection: ConnectionLike): void;
  failed(error: unknown): void;
}

export function startSupply({ make, connected, failed, ...bounds }: SupplyOptions): Source {
  const backoff = createBackoff(bounds);
  let timer: NodeJS.Timeout | undefined;
  let closed = false;

  const ask = async (): Promise<void> => {
    try {
      const connection = await make();
      if (closed) return;
      backoff.reset();
      connected(connection);
    } catch (error) {
      if (closed) return;
      failed(error);
      later();
    }
  };
  const later = (): void => {
    timer = setTimeout(() => void ask(), backoff.next()).unref();
  };
  // Not inside createPublisher: the service's function may throw or be slow.
  timer = setTimeout(() => void ask(), 0);

  return {
    up: () => backoff.reset(),
    again() {
      if (!closed) later();
    },
    // The connection is the service's, and nothing else here keeps the process alive.
    unref() {},
    close() {
      closed = true;
      clearTimeout(timer);
      return Promise.resolve();
    },
  };
}
