/** A network of our own: TCP connections that can be cut, held up or slowed down while both ends live on. */
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** One connection through the proxy. */
export interface ProxiedLink {
  /** What the dialling side has sent first, up to 4 KiB: who it is, where it says so. */
  readonly opening: string;
  /** Both ends see the connection break. */
  sever(): void;
  /**
   * Nothing moves in either direction and nobody is told, as when a cable is pulled; what was sent arrives after
   * `release`.
   */
  hold(): void;
  release(): void;
}

export interface TcpProxy extends AsyncDisposable {
  readonly port: number;
  /** `nats://127.0.0.1:<port>` */
  readonly url: string;
  readonly links: ReadonlySet<ProxiedLink>;
  /** Bytes handed to the dialling sides. */
  readonly delivered: number;
  /** Each chunk arrives so many milliseconds later, in both directions. 0: at once. */
  slow(delayMs: number): void;
  sever(): void;
  hold(): void;
  release(): void;
  /**
   * Loses what the target sends, without a word, until `release`: then the connections break, since their bytes have a
   * hole.
   */
  swallow(): void;
}

export interface TcpProxyOptions {
  /** Where a connection goes; undefined while there is nobody. Asked for each connection. */
  readonly target: () => number | undefined;
  /**
   * Called with each connection as soon as it has sent something, and then before each chunk until it has sent 4 KiB.
   */
  readonly onOpening?: (link: ProxiedLink) => void;
  /** Asked for each connection: after so many bytes of the target, it breaks. Default: never. */
  readonly cutAfter?: () => number;
}

const OPENING_LENGTH = 4096;

export async function startTcpProxy({
  target,
  onOpening,
  cutAfter = () => Infinity,
}: TcpProxyOptions): Promise<TcpProxy> {
  const links = new Set<ProxiedLink>();
  let delayMs = 0;
  let holding = false;
  let swallowing = false;
  let delivered = 0;

  function accept(client: Socket): void {
    const port = target();
    if (port === undefined) return void client.destroy();
    const upstream = connect({ host: '127.0.0.1', port });
    let opening = '';
    const link: ProxiedLink = {
      get opening() {
        return opening;
      },
      sever() {
        client.destroy();
        upstream.destroy();
      },
      hold() {
        client.pause();
        upstream.pause();
      },
      release() {
        client.resume();
        upstream.resume();
      },
    };
    links.add(link);
    let uncut = cutAfter();
    for (const [from, to] of [[client, upstream] as const, [upstream, client] as const]) {
      from.setNoDelay(true);
      from.on('data', (chunk: Buffer) => {
        if (from === client && opening.length < OPENING_LENGTH) {
          opening += chunk.toString('latin1');
          onOpening?.(link);
        }
        if (from === upstream && swallowing) return;
        if (to === client) {
          delivered += chunk.length;
          if (chunk.length >= uncut) {
            client.end(chunk.subarray(0, uncut), () => link.sever());
            return;
          }
          uncut -= chunk.length;
        }
        if (delayMs === 0) to.write(chunk);
        else setTimeout(() => to.write(chunk), delayMs);
      });
      // The other end's own error, or its silence, tells it.
      from.on('error', () => undefined);
      from.on('close', () => {
        links.delete(link);
        to.destroy();
      });
    }
    if (holding) link.hold();
  }

  const server = createServer(accept);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const sever = (): void => [...links].forEach((link) => link.sever());

  return {
    port,
    url: `nats://127.0.0.1:${port}`,
    links,
    get delivered() {
      return delivered;
    },
    slow(ms) {
      delayMs = ms;
    },
    sever,
    hold() {
      holding = true;
      for (const link of links) link.hold();
    },
    release() {
      holding = false;
      if (swallowing) sever();
      swallowing = false;
      for (const link of links) link.release();
    },
    swallow() {
      swallowing = true;
    },
    async [Symbol.asyncDispose]() {
      const closed = new Promise((resolve) => server.close(resolve));
      sever();
      await closed;
    },
  };
}
