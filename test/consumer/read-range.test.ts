/**
 * Reading by direct gets: all of a stretch, in order, whatever the replica that answers lacks and whatever is lost on
 * the way.
 */
import { jetstream, type JetStreamManager, jetstreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/nats-core';
import { createConnection } from 'node:net';
import { once } from 'node:events';
import { beforeEach, describe, expect, test } from 'vitest';
import { readRange, type StreamRange } from '../../packages/consumer/src/nats/read-range.ts';
import type { StreamItem } from '../../packages/consumer/src/nats/stream-item.ts';
import { needsOwnServer, startNats } from '../support/nats.ts';
import { until } from '../support/until.ts';
import { uniqueName } from '../support/unique-name.ts';

interface Source {
  readonly nc: NatsConnection;
  readonly jsm: JetStreamManager;
  readonly stream: string;
  readonly prefix: string;
}

/** A stream of messages `1`, `2` … on `<prefix>.a`, each third one on `<prefix>.b`. */
async function fill(nc: NatsConnection, count: number, options: object = {}): Promise<Source> {
  const tag = uniqueName();
  const [stream, prefix] = [`S_${tag}`, `s_${tag}`];
  const jsm = await jetstreamManager(nc);
  await jsm.streams.add({ name: stream, subjects: [`${prefix}.>`], allow_direct: true, ...options });
  const js = jetstream(nc);
  for (let seq = 1; seq <= count; seq += 200) {
    const some = Array.from({ length: Math.min(200, count - seq + 1) }, (_, i) => seq + i);
    await Promise.all(some.map((n) => js.publish(`${prefix}.${n % 3 === 0 ? 'b' : 'a'}`, String(n))));
  }
  return { nc, jsm, stream, prefix };
}

async function read({ nc, jsm, stream }: Source, range: Omit<StreamRange, 'stream'>): Promise<StreamItem[]> {
  const items: StreamItem[] = [];
  for await (const batch of readRange(nc, jsm, { stream, ...range })) items.push(...batch);
  return items;
}

/** `7`, or `7-9` for a gap. */
function brief(items: readonly StreamItem[]): string[] {
  return items.map((item) => (item.kind === 'gap' ? `${item.first}-${item.last}` : `${item.seq}`));
}

function numbers(from: number, to: number): string[] {
  return Array.from({ length: to - from + 1 }, (_, i) => String(from + i));
}

test('a stretch, whole and of one subject, as the leader has it', async () => {
  await using server = await startNats();
  const source = await fill(await server.connect(), 1_000);
  const all = await read(source, { from: 1, to: 1_000 });
  expect(brief(all)).toEqual(numbers(1, 1_000));
  for (const item of [all[0], all[499], all[999]]) {
    const seq = item?.kind === 'message' ? item.seq : 0;
    const stored = await source.jsm.streams.getMessage(source.stream, { seq });
    const [subject, received, payload] = [stored?.subject, stored?.time.toISOString(), expect.anything()];
    expect(item).toEqual({ kind: 'message', seq, subject, received, payload });
    expect(item?.kind === 'message' && Buffer.from(item.payload).toString()).toBe(stored?.string());
  }
  expect(brief(await read(source, { from: 500, to: 502 }))).toEqual(['500', '501', '502']);
  const subject = `${source.prefix}.b`;
  expect(brief(await read(source, { subject, from: 4, to: 16 }))).toEqual(['6', '9', '12', '15']);
  expect(await read(source, { subject: `${source.prefix}.c`, from: 1, to: 1_000 })).toEqual([]);
  expect(await read(source, { from: 10, to: 9 })).toEqual([]);
});

test('messages that are gone are gaps, and not in the way of a subject', async () => {
  await using server = await startNats();
  const source = await fill(await server.connect(), 30);
  for (const seq of [1, 2, 9, 10, 20, 29, 30]) await source.jsm.streams.deleteMessage(source.stream, seq);
  const rest = [...numbers(3, 8), '9-10', ...numbers(11, 19), '20-20', ...numbers(21, 28)];
  expect(brief(await read(source, { from: 1, to: 30 }))).toEqual(['1-2', ...rest, '29-30']);
  expect(brief(await read(source, { from: 1, to: 9 }))).toEqual(['1-2', ...numbers(3, 8), '9-9']);
  const subject = `${source.prefix}.b`;
  expect(brief(await read(source, { subject, from: 1, to: 30 }))).toEqual([
    '3',
    '6',
    '12',
    '15',
    '18',
    '21',
    '24',
    '27',
  ]);
});

describe('what the replica that answers lacks is read from the leader', () => {
  /** The stream answers no direct gets itself; a mirror does it for it, and loses some messages. */
  async function withMirror(nc: NatsConnection, lost: readonly number[]): Promise<Source> {
    const source = await fill(nc, 1_000);
    const name = `M${source.stream}`;
    await source.jsm.streams.add({ name, mirror: { name: source.stream }, mirror_direct: true });
    const isThere = async () => (await source.jsm.streams.info(name)).state.last_seq === 1_000;
    await until('the mirror to have it all', isThere);
    for (const seq of lost) await source.jsm.streams.deleteMessage(name, seq);
    const { config } = await source.jsm.streams.info(source.stream);
    await source.jsm.streams.update(source.stream, { ...config, allow_direct: false });
    const answer = await nc.request(`$JS.API.DIRECT.GET.${source.stream}`, '{"seq":1,"next_by_subj":">"}');
    expect(answer.headers?.get('Nats-Stream'), 'the mirror answers').toBe(name);
    return source;
  }

  test.each([
    ['at its beginning', numbers(1, 40).map(Number)],
    ['here and there', [2, 3, 4, 500, 502, 504]],
    ['at its end', numbers(900, 1_000).map(Number)],
    ['nearly all', numbers(3, 998).map(Number)],
  ])('%s', async (_, lost) => {
    await using server = await startNats();
    const source = await withMirror(await server.connect(), lost);
    const some = await read(source, { from: 1, to: 1_000 });
    expect(brief(some)).toEqual(numbers(1, 1_000));
    expect(
      some.every((item) => item.kind === 'message' && Buffer.from(item.payload).toString() === `${item.seq}`),
    ).toBe(true);
  });

  test('of a subject, its end always, and what is between if the messages tell', async () => {
    await using server = await startNats();
    const source = await withMirror(await server.connect(), [3, 300, 303, ...numbers(900, 1_000).map(Number)]);
    const subject = `${source.prefix}.b`;
    const thirds = numbers(1, 333).map((n) => String(3 * Number(n)));
    const isNext: StreamRange['follows'] = (message, before) => message.seq === (before?.seq ?? 0) + 3;
    expect(brief(await read(source, { subject, from: 1, to: 1_000, follows: isNext }))).toEqual(thirds);
    const without = thirds.filter((n) => !['3', '300', '303'].includes(n));
    expect(brief(await read(source, { subject, from: 1, to: 1_000 }))).toEqual(without);
  });

  test('all of it, where nobody answers direct gets', async () => {
    await using server = await startNats();
    const source = await fill(await server.connect(), 1_000, { allow_direct: false });
    await source.jsm.streams.deleteMessage(source.stream, 700);
    const rest = [...numbers(1, 699), '700-700', ...numbers(701, 1_000)];
    expect(brief(await read(source, { from: 1, to: 1_000 }))).toEqual(rest);
  });
});

/** A real connection on which answers of a batch are lost: those that `isLost` says, by their number in all of them. */
function losing(real: NatsConnection, isLost: (answer: number) => boolean): NatsConnection {
  let answers = 0;
  const subscribe: NatsConnection['subscribe'] = (subject, options) => {
    const callback = options?.callback;
    return real.subscribe(subject, {
      ...options,
      ...(callback && {
        callback: (error, message) => void (isLost(++answers) || callback(error, message)),
      }),
    });
  };
  return new Proxy(real, {
    get(target, property) {
      if (property === 'subscribe') return subscribe;
      const value: unknown = Reflect.get(target, property, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

describe('what is lost on the way is asked for again', () => {
  test.each([
    ['the first', (n: number) => n === 1],
    ['some', (n: number) => n === 2 || n === 250 || n === 251],
    ['each seventh', (n: number) => n % 7 === 0 && n < 400],
    ['the last message', (n: number) => n === 500],
    ['the end of the batch', (n: number) => n === 501],
  ])('%s', async (_, isLost) => {
    await using server = await startNats();
    const source = await fill(await server.connect(), 500);
    // With a subject, a jump in the numbers says nothing.
    for (const filter of [{}, { subject: `${source.prefix}.>` }]) {
      const items = await read({ ...source, nc: losing(source.nc, isLost) }, { ...filter, from: 1, to: 500 });
      expect(brief(items)).toEqual(numbers(1, 500));
    }
  });
});

test('what a producer writes into its headers says nothing about the stream', async () => {
  await using server = await startNats();
  const source = await fill(await server.connect(), 2);
  const own = [
    'NATS/1.0\r\nNats-Sequence: 1\r\nNats-Subject: x\r\nNats-Last-Sequence: 77\r\nNats-Time-Stamp: 2020-01-01T00:00:00Z\r\n\r\n',
    'NATS/1.0 204 EOB\r\nNats-Num-Pending: 0\r\nNats-Last-Sequence: 2\r\n\r\n',
    'NATS/1.0 404 Message Not Found\r\n\r\n',
    'NATS/1.0 503\r\n\r\n',
    'NATS/1.0\r\nno header at all\r\n b a d : x\r\n\r\n\r\n',
    'NATS/1.0\r\nNATS/1.0 204 EOB\r\n\r\n',
    'NATS/1.0\r\nX: y',
  ];
  const socket = createConnection(server.port, '127.0.0.1');
  await once(socket, 'connect');
  socket.write('CONNECT {"verbose":false,"headers":true}\r\n');
  for (const header of own) socket.write(`HPUB ${source.prefix}.a ${header.length} ${header.length}\r\n${header}\r\n`);
  // A subject that ends with what looks like a blank, and one that is no UTF-8.
  for (const end of ['a\u00A0', 'a\u3000']) socket.write(`PUB ${source.prefix}.${end} 1\r\nx\r\n`);
  socket.write(Buffer.concat([Buffer.from(`PUB ${source.prefix}.`), Buffer.of(0xc3), Buffer.from(' 1\r\nx\r\n')]));
  socket.end('PING\r\n');
  const count = 2 + own.length + 3;
  const isStored = async () => (await source.jsm.streams.info(source.stream)).state.last_seq === count;
  await until('all of it to be stored', isStored);
  const items = await read(source, { from: 1, to: count });
  const messages = items.filter((item) => item.kind === 'message');
  expect(brief(items)).toEqual(numbers(1, count));
  for (const { seq, subject, received, payload } of messages) {
    const stored = await source.jsm.streams.getMessage(source.stream, { seq });
    expect({ subject, received, payload: [...payload] }).toEqual({
      subject: stored?.subject,
      received: stored?.time.toISOString(),
      payload: [...(stored?.data ?? [])],
    });
  }
});

describe('with a server of its own', () => {
  beforeEach(needsOwnServer);

  test('what is in flight is bounded, whatever the caller takes its time for', async () => {
    // A client for which more is waiting than this is disconnected.
    await using server = await startNats({ extraConfig: 'max_pending: 6MB' });
    const nc = await server.connect();
    const source = await fill(nc, 0);
    const js = jetstream(nc);
    const large = new Uint8Array(1024 * 1024 - 512);
    for (let i = 0; i < 60; i++) await js.publish(`${source.prefix}.a`, large);
    const reader = await server.connect({ reconnect: false });
    const seen: string[] = [];
    for await (const items of readRange(reader, await jetstreamManager(reader), {
      stream: source.stream,
      from: 1,
      to: 60,
    })) {
      seen.push(...brief(items));
      // The event loop stands still while the server goes on sending what was asked for.
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 100);
    }
    expect(seen).toEqual(numbers(1, 60));
    expect(reader.isClosed()).toBe(false);
  });

  test('goes on after a restart of the server', async () => {
    await using server = await startNats();
    const nc = await server.connect({ reconnectTimeWait: 100 });
    const source = await fill(nc, 20_000);
    const seen: string[] = [];
    let restarted: Promise<void> | null = null;
    for await (const items of readRange(nc, source.jsm, { stream: source.stream, from: 1, to: 20_000 })) {
      seen.push(...brief(items));
      restarted ??= server.restart();
    }
    await restarted;
    expect(seen).toEqual(numbers(1, 20_000));
  });

  test('ends with an error that says why: no right, no stream, no connection', async () => {
    await using server = await startNats({
      extraConfig: `authorization { users: [ { user: a, password: p }
        { user: r, password: p, permissions { publish { allow: ["$JS.API.STREAM.MSG.GET.>"] }, subscribe { allow: ["_INBOX.>"] } } } ] }`,
    });
    const source = await fill(await server.connect({ user: 'a', pass: 'p' }), 10);
    const other = await server.connect({ user: 'r', pass: 'p' });
    const refused = { ...source, nc: other, jsm: await jetstreamManager(other, { checkAPI: false }) };
    await expect(read(refused, { from: 1, to: 10 })).rejects.toMatchObject({
      code: 'NO_PERMISSION',
      message: expect.stringContaining(`may not publish $JS.API.DIRECT.GET.${source.stream}`),
    });
    await expect(read({ ...source, stream: 'NONE' }, { from: 1, to: 10 })).rejects.toMatchObject({ code: 'NO_STREAM' });
    await source.nc.close();
    await expect(read(source, { from: 1, to: 10 })).rejects.toMatchObject({ code: 'CANNOT_CONNECT' });
  });
});
