/** What the AUDIT stream of a publisher test holds, and how it is compared with what was emitted. */
import { type JetStreamManager, jetstream, jetstreamManager, type StreamConfig } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { type Event, readMessage } from '@waybill/schema';
import { producerClosed } from '@waybill/schema/internal';
import { createDataCheck } from '@waybill/schema/internal';
import { expect } from 'vitest';
import type { PublisherStats } from '@waybill/publisher';
import { expectChained } from './expect-chained.ts';

export interface Stored {
  readonly subject: string;
  readonly msgId: string;
  readonly contentType: string;
  readonly event: Event;
  readonly text: string;
}

export async function createAudit(nc: NatsConnection, config: Partial<StreamConfig> = {}): Promise<JetStreamManager> {
  const manager = await jetstreamManager(nc, { checkAPI: false });
  await manager.streams.add({ name: 'AUDIT', subjects: ['audit.>'], ...config });
  return manager;
}

/** How many events of services the stream has: not those that say that a publisher closed. */
export async function countStored(nc: NatsConnection, stream = 'AUDIT'): Promise<number> {
  const manager = await jetstreamManager(nc, { checkAPI: false });
  const { state } = await manager.streams.info(stream, { subjects_filter: `*.${producerClosed.type}.>` });
  return state.messages - Object.values(state.subjects ?? {}).reduce((sum, count) => sum + count, 0);
}

/** Every event that a service emitted, in the stream's order: all messages but those that say that a publisher closed. */
export async function readStored(nc: NatsConnection, stream = 'AUDIT'): Promise<Stored[]> {
  return (await readAll(nc, stream)).filter(({ event }) => event.type !== producerClosed.type);
}

/** The events that say that a publisher closed. */
export async function readEnds(nc: NatsConnection, stream = 'AUDIT'): Promise<Stored[]> {
  return (await readAll(nc, stream)).filter(({ event }) => event.type === producerClosed.type);
}

/** Every message of the stream, in its order; each passes the schema's own reading of messages. */
async function readAll(nc: NatsConnection, stream: string): Promise<Stored[]> {
  const manager = await jetstreamManager(nc);
  const count = (await manager.streams.info(stream)).state.messages;
  const stored: Stored[] = [];
  if (count === 0) return stored;
  const consumer = await jetstream(nc).consumers.get(stream);
  const messages = await consumer.consume({ max_messages: 2000 });
  const checkData = createDataCheck();
  for await (const message of messages) {
    const read = readMessage(message.subject, message.data, { checkData });
    if (read.form !== 'single') throw new Error(`message ${message.seq} is an array`);
    const { reading } = read;
    if (!reading.ok) throw new Error(`message ${message.seq} is no event: ${reading.detail}`);
    const text = message.string();
    expect(text).toBe(reading.canonical);
    const event = reading.event as unknown as Event;
    const header = (name: string): string => message.headers?.get(name) ?? '';
    stored.push({
      subject: message.subject,
      msgId: header('Nats-Msg-Id'),
      contentType: header('Content-Type'),
      event,
      text,
    });
    if (stored.length === count) break;
  }
  return stored;
}

/** The same, and a ledger has each of them once: a promise of delivery is one of the bill. */
export async function readDelivered(nc: NatsConnection): Promise<Stored[]> {
  const stored = await readStored(nc);
  await expectChained(nc, stored.length);
  return stored;
}

/** Each organization's events are there once, in the order in which they were emitted, with nothing between. */
export function expectOnceInOrder(stored: readonly Stored[], emitted: number): void {
  expect(stored.length).toBe(emitted);
  expect(new Set(stored.map(({ msgId }) => msgId)).size).toBe(emitted);
  const next = new Map<string, number>();
  const wrong: string[] = [];
  for (const { event, msgId, contentType, subject } of stored) {
    const expected = (next.get(event.orgid) ?? 0) + 1;
    next.set(event.orgid, expected);
    if (event.producerseq !== String(expected)) wrong.push(`${event.orgid} ${event.producerseq}, expected ${expected}`);
    if (msgId !== event.id) wrong.push(`${msgId} is not ${event.id}`);
    if (contentType !== 'application/cloudevents+json') wrong.push(`${msgId} is of type ${contentType}`);
    if (subject !== `audit.${event.type}.${event.orgid}`) wrong.push(subject);
  }
  expect(wrong).toEqual([]);
}

export function expectBalanced(stats: PublisherStats): void {
  const dropped = Object.values(stats.dropped).reduce((sum, count) => sum + count, 0);
  expect(stats.emitted).toBe(stats.acked + stats.pending + stats.spooled + dropped);
  const { ends } = stats;
  expect(ends.emitted).toBe(ends.acked + ends.pending + ends.spooled + ends.dropped);
}
