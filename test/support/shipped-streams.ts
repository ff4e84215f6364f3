/**
 * The shipped configuration with the two streams and one message in each, and the proof that nothing was changed.
 *
 * The proof is always the state of the streams afterwards, read by the admin: a refused request and a lost one look the
 * same to a client, and a reply-subject attack shows nothing to its sender at all.
 */
import {
  DiscardPolicy,
  type JetStreamManager,
  jetstream,
  jetstreamManager,
  RetentionPolicy,
  StorageType,
  type StreamInfo,
} from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { afterAll, expect } from 'vitest';
import { startNats, type TestNats } from './nats.ts';

export const ORG = 'acme';
export const UPLOADED = `audit.casartifact.uploaded.${ORG}`;
/** Where an operator acknowledges losses. */
export const CONTROL = `waybill.control.acknowledge.${ORG}`;

/** Every way to have a consumer, by the rest of the subject. */
export const CONSUMER_REQUESTS = [
  (stream: string) => `CREATE.${stream}`,
  (stream: string) => `CREATE.${stream}.x`,
  (stream: string) => `CREATE.${stream}.x.audit.>`,
  (stream: string) => `DURABLE.CREATE.${stream}.x`,
  (stream: string) => `INFO.${stream}.x`,
  (stream: string) => `MSG.NEXT.${stream}.x`,
  (stream: string) => `DELETE.${stream}.x`,
  (stream: string) => `NAMES.${stream}`,
  (stream: string) => `PAUSE.${stream}.x`,
] as const;

export async function startShipped(): Promise<TestNats> {
  const server = await startNats({ config: 'shipped' });
  const admin = await server.connect({ as: 'admin' });
  await createStreams(await jetstreamManager(admin));
  await seed(admin);
  return server;
}

/** For tests of a file that change nothing: one server, started when it is first asked for. */
export function useShipped(): () => Promise<TestNats> {
  let server: Promise<TestNats> | undefined;
  afterAll(async () => (await server)?.[Symbol.asyncDispose]());
  return () => (server ??= startShipped());
}

export async function createStreams(manager: JetStreamManager): Promise<void> {
  for (const [name, subjects] of [
    ['AUDIT', ['audit.>', 'waybill.control.>']],
    ['LEDGER', ['ledger.*']],
  ] as const) {
    await manager.streams.add({
      name,
      subjects: [...subjects],
      retention: RetentionPolicy.Limits,
      storage: StorageType.File,
      discard: DiscardPolicy.New,
      deny_delete: true,
      deny_purge: true,
      allow_direct: true,
    });
  }
}

/** One message in each stream, so that there is something to lose. */
export async function seed(admin: NatsConnection): Promise<void> {
  await jetstream(admin).publish(UPLOADED, 'event');
  await jetstream(admin).publish(`ledger.${ORG}`, 'block');
}

export async function states(admin: NatsConnection): Promise<{ audit: StreamInfo; ledger: StreamInfo }> {
  const { streams } = await jetstreamManager(admin);
  return { audit: await streams.info('AUDIT'), ledger: await streams.info('LEDGER') };
}

/**
 * AUDIT has exactly as many events, the ledger its one block, both their configuration, and there is no third stream.
 */
export async function expectUntouched(server: TestNats, expected: { audit: number }): Promise<void> {
  const admin = await server.connect({ as: 'admin' });
  const manager = await jetstreamManager(admin);
  const names: string[] = [];
  for await (const name of manager.streams.names()) names.push(name);
  expect(names.toSorted()).toEqual(['AUDIT', 'LEDGER']);
  const { audit, ledger } = await states(admin);
  expect(audit.state).toMatchObject({
    messages: expected.audit,
    first_seq: 1,
    last_seq: expected.audit,
    consumer_count: 0,
  });
  expect(ledger.state).toMatchObject({ messages: 1, first_seq: 1, last_seq: 1, consumer_count: 0 });
  for (const { config } of [audit, ledger]) {
    expect(config).toMatchObject({ max_msgs: -1, max_age: 0, discard: 'new', deny_delete: true, deny_purge: true });
  }
}

/** Limits that make the server drop all but one message: it walks around deny_delete and deny_purge. */
export function updateThatErases(): string {
  return JSON.stringify({ name: 'LEDGER', subjects: ['ledger.*'], max_msgs: 1, discard: 'old', storage: 'file' });
}
