/**
 * The sockets that a NATS client opens, so that those that it forgets can be destroyed. When a server accepts a
 * connection and then does not answer (frozen, overloaded), a dial of nats-core 3.4.0 times out and leaves its socket
 * open. That socket keeps the process alive, and each further try leaves another one.
 *
 * The publisher has the same code: the two packages may not import each other, and schema knows no Node.
 * sockets.test.ts compares them.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import diagnostics from 'node:diagnostics_channel';
import type { Socket } from 'node:net';

export interface Sockets {
  /** Calls `open`. The sockets that this leads to, now or later, are the ones that the other functions are about. */
  run<Result>(open: () => Result): Result;
  destroyAll(): void;
  /** Lets the process end while they are open, and later ones. */
  unref(): void;
  /** Destroys them now, and later ones as soon as they are opened. */
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
