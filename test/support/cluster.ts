/**
 * Three nats-servers on loopback that form a cluster, and a network between them that can be broken.
 *
 * Every port is the kernel's choice. A server's routes are known before it runs, because they lead to proxies of ours
 * (tcp-proxy.ts): each node has one, advertises its address, and so no route goes past it.
 */
import { jetstreamManager } from '@nats-io/jetstream';
import { connect as dial, type NatsConnection } from '@nats-io/transport-node';
import { startNats, type TestNats } from './nats.ts';
import { type ProxiedLink, startTcpProxy, type TcpProxy } from './tcp-proxy.ts';
import { until } from './until.ts';

interface ClusterNode {
  readonly name: string;
  readonly server: TestNats;
  /** Routes to and from the others stand still, in both directions; its clients are not touched. */
  cutOff(): void;
  reconnect(): void;
  /** What others send to it, and it to them on the same routes, takes so much longer. */
  slow(delayMs: number): void;
}

export interface Cluster extends AsyncDisposable {
  readonly nodes: readonly ClusterNode[];
  /** All client addresses, as `WAYBILL_NATS_URL` takes them. */
  readonly urls: string;
  /** To any node, or to one. */
  connect(node?: ClusterNode): Promise<NatsConnection>;
  /** The node that leads a stream. */
  leaderOf(stream: string): Promise<ClusterNode>;
  /** Names of the leaders of streams, as the node of a connection sees them; undefined where it sees none. */
  leadersSeenBy(nc: NatsConnection, streams: readonly string[]): Promise<(string | undefined)[]>;
  /** Any node that does not. */
  followerOf(stream: string): Promise<ClusterNode>;
  /** Resolves when another node leads. @returns its name */
  stepDown(stream: string): Promise<string>;
  /** Resolves when a stream has a leader and all its replicas are up to date. */
  healthy(stream: string): Promise<void>;
}

const NAMES = ['n1', 'n2', 'n3'];

export async function startCluster(): Promise<Cluster> {
  await using started = new AsyncDisposableStack();
  const cut = new Set<string>();
  const servers = new Map<string, TestNats>();
  const proxies = new Map<string, TcpProxy>();
  const touches = (link: ProxiedLink, at: string): boolean => cut.has(at) || cut.has(diallerOf(link) ?? '');

  for (const name of NAMES) {
    const target = () => servers.get(name)?.routePort;
    const onOpening = (link: ProxiedLink) => touches(link, name) && link.hold();
    proxies.set(name, started.use(await startTcpProxy({ target, onOpening })));
  }
  const routes = [...proxies.values()].map(({ url }) => `"${url}"`).join(', ');
  for (const name of NAMES) {
    const advertise = `127.0.0.1:${proxies.get(name)?.port}`;
    const extraConfig = `
      server_name: ${name}
      cluster { name: waybill, listen: "127.0.0.1:-1", advertise: "${advertise}", routes: [${routes}], pool_size: -1 }
    `;
    servers.set(name, started.use(await startNats({ extraConfig })));
  }

  function applyCuts(): void {
    for (const [name, { links }] of proxies) {
      for (const link of links) {
        if (touches(link, name)) link.hold();
        else link.release();
      }
    }
  }

  const nodes = NAMES.map((name): ClusterNode => ({
    name,
    server: servers.get(name) as TestNats,
    cutOff() {
      cut.add(name);
      applyCuts();
    },
    reconnect() {
      cut.delete(name);
      applyCuts();
    },
    slow: (delayMs) => proxies.get(name)?.slow(delayMs),
  }));
  const urls = nodes.map(({ server }) => server.url).join(',');

  async function connect(node?: ClusterNode): Promise<NatsConnection> {
    const to = node ? [node.server.url] : urls.split(',');
    // One node's connection has to stay with that node, whatever it hears of others.
    const stay = { ignoreClusterUpdates: true };
    // Any node's: away from one that is frozen.
    const leave = { pingInterval: 500, maxPingOut: 2 };
    const options = { maxReconnectAttempts: -1, reconnectTimeWait: 100, ...(node ? stay : leave) };
    const nc = await dial({ servers: to, ...options });
    connections.defer(() => nc.close());
    return nc;
  }

  const connections = started.use(new AsyncDisposableStack());
  const own = await connect();
  await until('a cluster of three with JetStream', async () => {
    const manager = await jetstreamManager(own, { checkAPI: false, timeout: 1_000 });
    return manager.getAccountInfo().then(
      () => true,
      () => false,
    );
  });
  const manager = await jetstreamManager(own, { checkAPI: false, timeout: 2_000 });
  const clusterOf = (stream: string) =>
    manager.streams.info(stream).then(
      ({ cluster }) => cluster,
      () => undefined,
    );
  const nodeNamed = (name: string | undefined) => nodes.find((node) => node.name === name);
  const leaderOf = (stream: string) =>
    until(`a leader of ${stream}`, async () => nodeNamed((await clusterOf(stream))?.leader));

  const kept = started.move();
  return {
    nodes,
    urls,
    connect,
    leaderOf,
    async leadersSeenBy(nc, streams) {
      const theirs = await jetstreamManager(nc, { checkAPI: false, timeout: 1_000 });
      return Promise.all(
        streams.map((stream) =>
          theirs.streams.info(stream).then(
            ({ cluster }) => cluster?.leader,
            () => undefined,
          ),
        ),
      );
    },
    async followerOf(stream) {
      const leader = await leaderOf(stream);
      return nodes.find((node) => node !== leader) as ClusterNode;
    },
    async stepDown(stream) {
      const { name } = await leaderOf(stream);
      // Refused while there is an election already, which is as good.
      await own.request(`$JS.API.STREAM.LEADER.STEPDOWN.${stream}`, '', { timeout: 2_000 }).catch(() => undefined);
      return until(`another leader than ${name} of ${stream}`, async () => {
        const leader = (await clusterOf(stream))?.leader;
        return leader && leader !== name ? leader : null;
      });
    },
    async healthy(stream) {
      await until(`all replicas of ${stream} to be up to date`, async () => {
        const cluster = await clusterOf(stream);
        const replicas = cluster?.replicas ?? [];
        return (
          cluster?.leader && replicas.length === 2 && replicas.every(({ current, offline }) => current && !offline)
        );
      });
    },
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}

/** A dialling server names itself in the INFO that it sends after CONNECT. */
function diallerOf({ opening }: ProxiedLink): string | undefined {
  return /"server_name":"([^"]+)"/.exec(opening)?.[1];
}
