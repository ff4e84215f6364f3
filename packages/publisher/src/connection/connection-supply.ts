/** A connection from a function of the service: asked for in the background, again until it comes, and again when it is gone. */
import { type BackoffBounds, createBackoff } from '../backoff.ts';
import type { ConnectionLike } from '../connection-like.ts';

export interface Source {
  /** Its client has reconnected: the next outage begins with short waits again. */
  up(): void;
  /** The connection was closed: another one is needed. */
  again(): void;
  /** It does not keep the process any more. */
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
  // Not within createPublisher: foreign code may throw there, or be slow.
  timer = setTimeout(() => void ask(), 0);

  return {
    up: () => backoff.reset(),
    again() {
      if (!closed) later();
    },
    // The connection is the service's own, and nothing else here keeps the process.
    unref() {},
    close() {
      closed = true;
      clearTimeout(timer);
      return Promise.resolve();
    },
  };
}
