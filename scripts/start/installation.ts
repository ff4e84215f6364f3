/**
 * A whole Waybill on this machine, as deploy/nats-server.conf ships it, each part with its own identity: admin deploys
 * the streams, service runs the consumer, producer emits, auditor asks. Everything goes when it is disposed of.
 */
import { mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { deployStreams, openConnection, readConfig } from '@waybill/consumer';
import { createPublisher, type Publisher } from '@waybill/publisher';
import { type ArtifactStore, startArtifactStore } from '../../examples/artifact-store/artifact-store.ts';
import { describeSource, findNatsServer } from '../nats-server/find.ts';
import { startGuard } from '../nats-server/guard.ts';
import { type NatsServer, startNatsServer } from '../nats-server/server.ts';
import { type ConsumerProcess, startConsumerProcess } from './consumer-process.ts';

export interface Installation extends AsyncDisposable {
  readonly server: NatsServer;
  readonly consumer: ConsumerProcess;
  readonly store: ArtifactStore;
  /** Of the store. */
  readonly audit: Publisher;
  /** `WAYBILL_*` for whoever asks questions. */
  readonly auditor: Record<string, string>;
}

export async function startInstallation(say: (line: string) => void): Promise<Installation> {
  await using parts = new AsyncDisposableStack();
  const source = await findNatsServer(say);
  say(describeSource(source));
  const folder = await mkdtemp(join(await realpath(tmpdir()), 'waybill-start-'));
  parts.defer(() => rm(folder, { recursive: true, force: true }));
  // Ends the consumer if this process is killed with no time to do it.
  const guard = startGuard(folder);
  parts.defer(() => guard.release());

  const server = parts.use(await startNatsServer({ source, config: 'shipped' }));
  say(`nats-server     ${server.url}, six accounts, eight users, sync_interval: always`);

  const admin = readConfig(environmentOf(server, 'admin'));
  const nc = await openConnection(admin.nats);
  try {
    const streams = await deployStreams(nc, admin.settings);
    say(`streams         ${streams.map(({ stream, action }) => `${stream} ${action}`).join(', ')}`);
  } finally {
    await nc.close();
  }

  const consumer = parts.use(await startConsumerProcess(environmentOf(server, 'service')));
  guard.watch(consumer.pid);
  say(`waybill serve   process ${consumer.pid}, ${consumer.url}/status`);

  const { user, pass } = usersOf(server).producer;
  const audit = parts.use(
    createPublisher({ source: '//cas.example/artifact-store', servers: server.url, credentials: { user, pass } }),
  );
  const store = parts.use(await startArtifactStore({ folder: join(folder, 'artifacts'), audit }));
  say(`artifact-store  ${store.url}`);

  const auditor = environmentOf(server, 'auditor');
  const owned = parts.move();
  return { server, consumer, store, audit, auditor, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

function environmentOf(server: NatsServer, name: 'admin' | 'service' | 'auditor'): Record<string, string> {
  const { user, pass } = usersOf(server)[name];
  return {
    WAYBILL_NATS_URL: server.url,
    WAYBILL_NATS_USER: user,
    WAYBILL_NATS_PASSWORD: pass,
  };
}

function usersOf({ users }: NatsServer): NonNullable<NatsServer['users']> {
  if (!users) throw new Error('the shipped configuration has users');
  return users;
}
