/**
 * The server fixture.
 *
 * ```ts
 * await using server = await startNats({ config: 'shipped' });
 * const nc = await server.connect({ as: 'producer' });
 * ```
 *
 * Each call starts a nats-server of its own, unless `NATS_URL` names a running one: then the handle is for that server,
 * streams need names of their own (as always), and what would disturb other users of it is refused. A test or a file of
 * tests that needs it says so with `beforeEach(needsOwnServer)` and is skipped, with the reason in the report.
 */
import { connect as dial, type NatsConnection, type NodeConnectionOptions } from '@nats-io/transport-node';
import { inject, type TestContext } from 'vitest';
import type { UserName } from '../../scripts/nats-server/config.ts';
import { type NatsServer, type NatsServerOptions, startNatsServer } from '../../scripts/nats-server/server.ts';
import { isNewEnough, OLDEST_NATS_SERVER } from '../../scripts/nats-server/version.ts';

export type StartNatsOptions = Omit<NatsServerOptions, 'source'>;

interface ConnectOptions extends NodeConnectionOptions {
  /** One of the shipped configuration's users, with its password and inbox prefix. */
  as?: UserName;
}

export interface TestNats extends NatsServer {
  /** Connects, by default for as long as the server is not disposed of; closed with it. */
  connect(options?: ConnectOptions): Promise<NatsConnection>;
}

export async function startNats(options: StartNatsOptions = {}): Promise<TestNats> {
  const source = inject('natsServer');
  const server =
    source.kind === 'existing'
      ? await existingServer(source.url, options)
      : await startNatsServer({ ...options, source });
  const connections = new Set<NatsConnection>();
  const own = Object.getOwnPropertyDescriptors(server);
  return Object.defineProperties({} as TestNats, {
    ...own,
    connect: {
      value: async ({ as, ...given }: ConnectOptions = {}) => {
        const credentials = as && credentialsOf(server, as);
        const connection = await dial({ servers: server.url, maxReconnectAttempts: -1, ...credentials, ...given });
        connections.add(connection);
        return connection;
      },
    },
    [Symbol.asyncDispose]: {
      value: async () => {
        await Promise.all([...connections].map((connection) => connection.close()));
        await server[Symbol.asyncDispose]();
      },
    },
  });
}

/** For `beforeEach`: skips where there is no server that may be killed, restarted or configured. */
export function needsOwnServer(context: TestContext): void {
  if (inject('natsServer').kind !== 'existing') return;
  context.skip('NATS_URL is set, and this test kills, restarts or configures a server of its own');
}

function credentialsOf(server: NatsServer, name: UserName): { user: string; pass: string; inboxPrefix: string } {
  if (!server.users) throw new Error(`no user ${name}: only { config: 'shipped' } has users`);
  return server.users[name];
}

async function existingServer(url: string, options: StartNatsOptions): Promise<NatsServer> {
  if (Object.keys(options).length > 0) throw unavailable(`startNats(${JSON.stringify(options)})`);
  const probe = await dial({ servers: url });
  const { version = '(unknown)', port = 0 } = probe.info ?? {};
  await probe.close();
  if (!isNewEnough(version))
    throw new Error(`NATS_URL: ${version} runs there, ${OLDEST_NATS_SERVER} or newer is needed`);
  const refuse = (what: string) => () => Promise.reject(unavailable(what));
  return {
    url,
    port,
    pid: undefined,
    routePort: undefined,
    storeDir: '(unknown: NATS_URL)',
    version,
    users: undefined,
    kill9: refuse('kill9()'),
    stop: refuse('stop()'),
    restart: refuse('restart()'),
    configure: refuse('configure()'),
    reload: refuse('reload()'),
    pause: refuse('pause()'),
    resume: refuse('resume()'),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

function unavailable(what: string): Error {
  return new Error(
    `${what} needs a server of its own, and NATS_URL is set: beforeEach(needsOwnServer) skips such tests`,
  );
}
