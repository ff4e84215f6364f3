/**
 * The sockets that a NATS client opens, so that forgotten ones can be destroyed. When a server accepts a connection and
 * then does not answer (frozen, overloaded), a dial of nats-core 3.4.0 times out and leaves its socket open. Each try
 * leaves one more, and they keep the process alive.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import diagnostics from 'node:diagnostics_channel';
import type { Socket } from 'node:net';

export interface Sockets {
  /** Every socket that this call opens, now or later, belongs to this object. */
  run<Result>(open: () => Result): Result;
  destroyAll(): void;
  /** Present and later sockets no longer keep the process alive. */
  unref(): void;
  /** Destroys all sockets, and later ones as soon as they are opened. */
  close(): void;
}

const CHANNEL = 'net.client.socket';
const owner = new AsyncLocalStorage<Sockets>();

export function createSockets(): Sockets {
  const open = new Set<Socket>();
  let closed = false;
  let holds = true;

  const onSocket = (message: unknown): void => {
    if (owner.getStore() !== sockets) return;
    const { socket } = message as { socket: Socket };
    open.add(socket);
    socket.once('close', () => open.delete(socket));
    if (closed) socket.destroy();
    else if (!holds) socket.unref();
  };
  const destroyAll = (): void => {
    for (const socket of open) socket.destroy();
    open.clear();
  };
  const sockets: Sockets = {
    run: (start) => owner.run(sockets, start),
    destroyAll,
    unref() {
      holds = false;
      for (const socket of open) socket.unref();
    },
    close() {
      closed = true;
      destroyAll();
      diagnostics.unsubscribe(CHANNEL, onSocket);
    },
  };
  diagnostics.subscribe(CHANNEL, onSocket);
  return sockets;
}
