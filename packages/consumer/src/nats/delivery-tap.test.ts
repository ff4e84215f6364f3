import { type NatsConnection, type Subscription } from '@nats-io/nats-core';
import { Parser } from '@nats-io/nats-core/internal';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { DeliveryTap, tapDeliveries } from './delivery-tap.ts';

interface Message {
  readonly sid: number;
  readonly subject: string;
  readonly reply?: string;
  readonly header: string;
  readonly payload: string;
}

const OURS = 7;
const reply = (seq: number): string => `$JS.ACK.AUDIT.waybill-x.1.${seq}.${seq}.1764000000123456789.3`;

const anyMessage: fc.Arbitrary<Message> = fc.record(
  {
    sid: fc.constantFrom(OURS, 1, 77),
    subject: fc.constantFrom('audit.a.b.acme', 'a', 'größe.€', '_INBOX.x.y'),
    reply: fc.oneof(fc.nat(1_000).map(reply), fc.constantFrom('_INBOX.r', '$JS.ACK')),
    header: fc.constantFrom(
      '',
      'NATS/1.0\r\n\r\n',
      'NATS/1.0\r\nNats-Msg-Id: 1\r\nContent-Type: application/cloudevents+json\r\n\r\n',
      'NATS/1.0 100 Idle Heartbeat\r\nA: \r\nNats-Msg-Id: 1\r\n\r\n',
    ),
    // What looks like the protocol, and what is longer than a chunk.
    payload: fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.constantFrom('', '\r\n', 'MSG a 7 1\r\n', 'x'.repeat(2_000), '€'),
    ),
  },
  { requiredKeys: ['sid', 'subject', 'header', 'payload'] },
);
const anyOperation = fc.oneof(
  { weight: 6, arbitrary: anyMessage },
  { weight: 2, arbitrary: fc.constantFrom('PING', 'PONG', '+OK', "-ERR 'no'", 'INFO {"a":"MSG b 7 5"}') },
);

function encode(operation: Message | string): Buffer {
  if (typeof operation === 'string') return Buffer.from(`${operation}\r\n`);
  const { sid, subject, header } = operation;
  const payload = Buffer.from(`${header}${operation.payload}`);
  const middle = operation.reply === undefined ? '' : `${operation.reply} `;
  const sizes = header === '' ? payload.length : `${Buffer.byteLength(header)} ${payload.length}`;
  const line = `${header === '' ? 'MSG' : 'HMSG'} ${subject} ${sid} ${middle}${sizes}\r\n`;
  return Buffer.concat([Buffer.from(line), payload, Buffer.from('\r\n')]);
}

function cut(bytes: Buffer, lengths: readonly number[]): Buffer[] {
  const chunks: Buffer[] = [];
  for (let at = 0, i = 0; at < bytes.length; i++) {
    const length = lengths[i % lengths.length] as number;
    chunks.push(bytes.subarray(at, at + length));
    at += length;
  }
  return chunks;
}

const isTaken = ({ sid, reply: to }: Message): boolean => sid === OURS && to !== undefined && to.startsWith('$JS.ACK.');

/** What the client's parser makes of chunks. */
function parsed(chunks: readonly Uint8Array[]): string[] {
  const seen: string[] = [];
  const parser = new Parser({
    push(event: {
      kind: number;
      msg?: { subject: Uint8Array; sid: number; reply?: Uint8Array; hdr: number };
      data?: Uint8Array;
    }) {
      const { kind, msg, data } = event;
      const text = (bytes: Uint8Array | undefined) => bytes && Buffer.from(bytes).toString('latin1');
      seen.push(JSON.stringify([kind, msg && [text(msg.subject), msg.sid, text(msg.reply), msg.hdr], text(data)]));
    },
  } as never);
  for (const chunk of chunks) parser.parse(chunk);
  return seen;
}

test('deliveries are taken out, and the client gets everything else, wherever the bytes are cut', () => {
  const lengths = fc.array(fc.oneof(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 3_000 })), {
    minLength: 1,
    maxLength: 12,
  });
  fc.assert(
    fc.property(fc.array(anyOperation, { maxLength: 12 }), lengths, (operations, cuts) => {
      const taken: unknown[] = [];
      const forwarded: Uint8Array[] = [];
      const tap = new DeliveryTap((bytes) => void forwarded.push(bytes.slice()));
      tap.add(OURS, (subject, payload, { streamSeq }) =>
        taken.push([subject, Buffer.from(payload).toString(), streamSeq]),
      );
      for (const chunk of cut(Buffer.concat(operations.map(encode)), cuts)) tap.push(chunk);

      const isOurs = (one: Message | string): one is Message => typeof one !== 'string' && isTaken(one);
      expect(taken).toEqual(
        operations
          .filter(isOurs)
          .map(({ subject, payload, reply: to = '' }) => [subject, payload.toWellFormed(), Number(to.split('.')[5])]),
      );
      const others = operations.filter((one) => !isOurs(one)).map(encode);
      expect(parsed(forwarded)).toEqual(parsed([Buffer.concat(others)]));
    }),
    { numRuns: 500 },
  );
});

test('a message of many chunks is put together once', () => {
  const taken: number[] = [];
  const tap = new DeliveryTap(() => undefined);
  tap.add(OURS, (_, payload) => void taken.push(payload.length));
  const message = { sid: OURS, subject: 'a', reply: reply(1), header: '', payload: 'x'.repeat(8 * 1024 * 1024) };
  for (const chunk of cut(encode(message), [65_536])) tap.push(chunk);
  expect(taken).toEqual([8 * 1024 * 1024]);
});

/** A connection as far as it is looked at, with the client's own parser. */
function connection(): { nc: NatsConnection; parser: Parser; seen: unknown[] } {
  const seen: unknown[] = [];
  const parser = new Parser({ push: (event) => void seen.push(event) });
  return { nc: { protocol: { parser } } as unknown as NatsConnection, parser, seen };
}

const subscription = (sid: number): Subscription => ({ getID: () => sid }) as Subscription;
const delivery = encode({ sid: OURS, subject: 'a', reply: reply(1), header: '', payload: 'x' });

test('when nobody wants deliveries any more, the client gets them, also the one that was half here', () => {
  const { nc, parser, seen } = connection();
  let taken = 0;
  const untap = tapDeliveries(nc, subscription(OURS), () => void taken++);
  parser.parse(delivery);
  parser.parse(delivery.subarray(0, 5));
  untap?.();
  parser.parse(delivery.subarray(5));
  parser.parse(delivery);
  expect([taken, seen.length]).toEqual([1, 2]);
});

test('subscriptions of one connection have one tap', () => {
  const { nc, parser, seen } = connection();
  const taken: number[] = [];
  tapDeliveries(nc, subscription(OURS), () => void taken.push(OURS));
  const { parse } = parser;
  tapDeliveries(nc, subscription(8), () => void taken.push(8));
  expect(parser.parse).toBe(parse);
  const other = encode({ sid: 8, subject: 'a', reply: reply(1), header: '', payload: '' });
  parser.parse(Buffer.concat([other, delivery, other]));
  expect([taken, seen]).toEqual([[8, OURS, 8], []]);
});

test('a client in the middle of something, or of another build, or wrapped by somebody, is left alone', () => {
  const { nc, parser } = connection();
  parser.parse(delivery.subarray(0, 5));
  expect(tapDeliveries(nc, subscription(OURS), () => undefined)).toBeNull();
  expect(tapDeliveries({} as NatsConnection, subscription(OURS), () => undefined)).toBeNull();
  const another = { protocol: { parser: {} } } as unknown as NatsConnection;
  expect(tapDeliveries(another, subscription(OURS), () => undefined)).toBeNull();
  const whole = connection().nc;
  const wrapped = new Proxy(whole, {
    get: (target, property) => (property === 'subscribe' ? () => undefined : Reflect.get(target, property, target)),
  });
  expect(tapDeliveries(wrapped, subscription(OURS), () => undefined)).toBeNull();
  expect(tapDeliveries(whole, subscription(OURS), () => undefined)).not.toBeNull();
});
