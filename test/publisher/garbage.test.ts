import { artifactUploaded, createPublisher, type Drop, type EventDraft, type EventInput } from '@waybill/publisher';
import { beforeEach, expect, test } from 'vitest';
import { needsOwnServer, startNats } from '../support/nats.ts';
import { SOURCE, upload } from '../support/publishers.ts';
import { createAudit, expectBalanced, readDelivered } from '../support/audit-stream.ts';
import { memoryLogger } from '../support/logger.ts';
import { PATIENT } from '../support/time.ts';

/** The promise: `emit` never throws whatever it is given, and each call is accounted for. */

beforeEach(needsOwnServer);

const good = upload(1, 'acme').fields as Record<string, unknown>;
const draft = (fields: unknown): EventDraft => ({ type: 'casartifact.uploaded', fields });
const withField = (name: string, value: unknown): EventDraft => draft({ ...good, [name]: value });
const thrower = (): never => {
  throw new Error('gotcha');
};

function nested(levels: number): unknown {
  let value: unknown = 'bottom';
  for (let i = 0; i < levels; i++) value = i % 2 === 0 ? { value } : [value];
  return value;
}

function cycle(): object {
  const self: Record<string, unknown> = { ...good };
  self['again'] = [self, self];
  return self;
}

/** Name, what is emitted, the reason, and whether its number is taken (its organization could be read). */
const GARBAGE: [string, () => unknown, Drop['reason'], boolean][] = [
  ['undefined', () => undefined, 'invalid', false],
  ['null', () => null, 'invalid', false],
  ['a string', () => 'audit me', 'invalid', false],
  ['a symbol', () => Symbol('x'), 'invalid', false],
  ['an empty object', () => ({}), 'invalid', false],
  ['an unknown type', () => ({ type: 'no.such', fields: good }), 'type_not_allowed', false],
  ['a type that is a symbol', () => ({ type: Symbol('x'), fields: good }), 'invalid', false],
  [
    'a getter for the type that throws',
    () => ({
      get type() {
        return thrower();
      },
    }),
    'invalid',
    false,
  ],
  [
    'a proxy that throws for everything',
    () => new Proxy({}, { get: thrower, ownKeys: thrower, getPrototypeOf: thrower }),
    'invalid',
    false,
  ],
  ['a builder that throws', () => thrower, 'builder_threw', false],
  ['a builder that rejects later', () => () => Promise.reject(new Error('later')), 'invalid', false],
  ['a definition instead of an event', () => artifactUploaded, 'invalid', false],
  ['no fields', () => draft(undefined), 'invalid', false],
  ['an array of fields', () => draft([1, 2]), 'invalid', false],
  ['no organization', () => withField('orgid', undefined), 'invalid', false],
  ['an organization with a dot', () => withField('orgid', 'a.b'), 'invalid', false],
  ['an organization that is an object', () => withField('orgid', { toString: thrower }), 'invalid', false],
  [
    'a getter that throws',
    () => draft(Object.defineProperty({ ...good }, 'subject', { enumerable: true, get: thrower })),
    'invalid',
    true,
  ],
  ['fields that are a throwing proxy', () => draft(new Proxy(good, { ownKeys: thrower })), 'invalid', true],
  [
    'fields that throw for everything',
    () => draft(new Proxy(good, { ownKeys: thrower, get: thrower })),
    'invalid',
    false,
  ],
  [
    'a revoked proxy',
    () => {
      const { proxy, revoke } = Proxy.revocable({}, {});
      revoke();
      return draft(proxy);
    },
    'invalid',
    false,
  ],
  ['a cycle', () => draft(cycle()), 'invalid', true],
  [
    'a straight cycle',
    () => {
      const self: Record<string, unknown> = { ...good };
      self['again'] = self;
      return draft(self);
    },
    'invalid',
    true,
  ],
  ['a BigInt', () => withField('size_bytes', 12n), 'invalid', true],
  ['a symbol as a value', () => withField('file_name', Symbol('x')), 'invalid', true],
  ['a function as a value', () => withField('file_name', () => 1), 'invalid', true],
  ['a toJSON that throws', () => withField('toJSON', thrower), 'invalid', true],
  ['20,000 levels', () => withField('extra', nested(20_000)), 'invalid', true],
  ['a string of 100 MB', () => withField('extra', 'x'.repeat(100_000_000)), 'too_large', true],
  ['a billion array items', () => withField('extra', Object.assign([], { length: 1_000_000_000 })), 'too_large', true],
  ['a Map', () => withField('extra', new Map()), 'invalid', true],
  [
    'a class instance',
    () =>
      withField(
        'extra',
        new (class Foo {
          a = 1;
        })(),
      ),
    'invalid',
    true,
  ],
  ['bytes', () => withField('extra', new Uint8Array(8)), 'invalid', true],
  ['NaN', () => withField('size_bytes', Number.NaN), 'invalid', true],
  ['2^53', () => withField('size_bytes', 2 ** 53), 'invalid', true],
  ['a lone surrogate', () => withField('extra', '\ud800'), 'invalid', true],
  ['an invalid Date', () => withField('time', new Date(Number.NaN)), 'invalid', true],
  ['a Date in the data', () => withField('extra', new Date()), 'invalid', true],
  ['a wrong digest', () => withField('digest', 'sha256:xyz'), 'invalid', true],
  ['an attribute of the publisher', () => withField('id', 'mine'), 'invalid', true],
  [
    '64 KiB and more in pieces',
    () =>
      withField(
        'extra',
        Array.from({ length: 100 }, () => 'x'.repeat(1_000)),
      ),
    'too_large',
    true,
  ],
];

test('garbage is dropped with a typed reason, takes its number where it has one, and harms nothing else', async () => {
  await using server = await startNats();
  const nc = await server.connect();
  await createAudit(nc);
  const drops: Drop[] = [];
  const failing = { info: thrower, warn: thrower };
  await using publisher = createPublisher({
    source: SOURCE,
    servers: server.url,
    logger: failing,
    onDrop(drop) {
      drops.push(drop);
      expectBalanced(publisher.stats());
      throw new Error('a hook that fails');
    },
  });
  let numbers = 0;
  const wrong: string[] = [];
  for (const [name, make, reason, numbered] of GARBAGE) {
    const before = drops.length;
    publisher.emit(make() as EventInput);
    expectBalanced(publisher.stats());
    expect(await publisher.flush(PATIENT)).toBe(true);
    if (numbered) numbers++;
    const [drop, ...more] = drops.slice(before);
    const found = `${name}: ${drop?.reason} ${drop?.producerseq}`;
    const expected = `${name}: ${reason} ${numbered ? numbers : undefined}`;
    if (found !== expected || more.length > 0) wrong.push(`${found}, expected ${expected} (${drop?.detail})`);
  }
  expect(wrong).toEqual([]);
  expect(publisher.stats()).toMatchObject({ emitted: GARBAGE.length, acked: 0, pending: 0 });
  // The hole that proves it: the next event has the next number.
  publisher.emit(upload(1, 'acme'));
  expect(await publisher.flush(PATIENT)).toBe(true);
  expect((await readDelivered(nc)).map(({ event }) => event.producerseq)).toEqual([String(numbers + 1)]);
});

test('__proto__ is data like any other and pollutes nothing; what is changed after the call is not seen', async () => {
  await using server = await startNats();
  const nc = await server.connect();
  await createAudit(nc);
  await using publisher = createPublisher({ source: SOURCE, servers: server.url, logger: memoryLogger() });
  publisher.emit(draft(JSON.parse(JSON.stringify(good).replace('{', '{"__proto__":{"polluted":true},'))));
  expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
  const time = new Date('2025-01-01T00:00:00Z');
  const nestedData = { list: ['as emitted'] };
  const fields: Record<string, unknown> = { ...good, time, extra: nestedData };
  publisher.emit(draft(fields));
  time.setFullYear(1999);
  nestedData.list[0] = 'changed';
  nestedData.list.push('added');
  fields['orgid'] = 'other';
  fields['size_bytes'] = -1;
  expect(await publisher.flush(PATIENT)).toBe(true);
  const [proto, mutated] = await readDelivered(nc);
  expect(Object.keys(proto?.event.data ?? {})).toContain('__proto__');
  expect(mutated?.event).toMatchObject({
    orgid: 'acme',
    time: '2025-01-01T00:00:00.000Z',
    data: { size_bytes: 1, extra: { list: ['as emitted'] } },
  });
});

test('a builder is called at once, and emitting from within foreign code is accounted for', async () => {
  await using server = await startNats();
  const nc = await server.connect();
  await createAudit(nc);
  await using publisher = createPublisher({ source: SOURCE, servers: server.url, logger: memoryLogger() });
  publisher.emit(() => {
    publisher.emit(upload(1, 'acme'));
    return draft({
      ...good,
      get file_name() {
        publisher.emit(upload(2, 'acme'));
        return 'x';
      },
    });
  });
  expect(publisher.stats()).toMatchObject({ emitted: 3, pending: 3 });
  expect(await publisher.flush(PATIENT)).toBe(true);
  expect((await readDelivered(nc)).map(({ event }) => event.producerseq)).toEqual(['1', '2', '3']);
});
