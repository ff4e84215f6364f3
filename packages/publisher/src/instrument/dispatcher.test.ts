import { createHash } from 'node:crypto';
import { artifactDownloaded, artifactUploaded } from '@waybill/schema';
import { type JsonObject, transferOf } from '@waybill/schema/internal';
import { expect, test } from 'vitest';
import type { Sink } from '../sink.ts';
import { memorySink } from '../sinks/memory-sink.ts';
import { teeSink } from '../sinks/tee-sink.ts';
import { type Claims, dispatcher } from './dispatcher.ts';
import { lazySize, MAX_LOOKUPS } from './lazy-size.ts';

const digest = `sha256:${'0'.repeat(64)}`;

function recorder() {
  const events: { type: string; fields: Record<string, unknown> }[] = [];
  return { events, audit: { emit: (event: unknown) => void events.push(event as (typeof events)[number]) } };
}

test('the organization and the actor come from the claims, what the event says goes first', () => {
  const { audit, events } = recorder();
  const { dispatch, stats } = dispatcher(audit);
  const claims = { sub: 'u-7', name: 'Zoë', email: 'zoe@example.com', org_id: 'acme', role: 'admin' };
  dispatch(claims, artifactUploaded, { digest, size_bytes: 5 });
  dispatch(claims, artifactUploaded, { digest, orgid: 'bolt', actorname: 'CI' });
  const actor = { actortype: 'USER', actorid: 'u-7', actorname: 'Zoë', actoremail: 'zoe@example.com' };
  expect(events).toEqual([
    { type: 'casartifact.uploaded', fields: { ...actor, orgid: 'acme', digest, size_bytes: 5 } },
    { type: 'casartifact.uploaded', fields: { ...actor, actorname: 'CI', orgid: 'bolt', digest } },
  ]);
  expect(stats()).toEqual({ dispatched: 2, degraded: 0, waiting: 0, suppressed: {} });
});

test('internal traffic is suppressed and counted by type; a predicate that throws suppresses nothing', () => {
  const { audit, events } = recorder();
  const { dispatch, stats } = dispatcher(audit, {
    org: (claims) => claims['tenant'],
    actor: ({ sub }) => ({ actortype: 'SERVICE', actorid: sub as string }),
    suppress({ sub }) {
      if (sub === undefined) throw new Error('no subject');
      return sub === 'prober';
    },
  });
  for (let i = 0; i < 3; i++) dispatch({ sub: 'prober', tenant: 'acme' }, artifactDownloaded, { digest });
  dispatch({ sub: 'prober', tenant: 'acme' }, artifactUploaded, { digest });
  dispatch({ sub: 'ci', tenant: 'acme' }, artifactUploaded, { digest });
  dispatch({ tenant: 'acme' }, artifactUploaded, { digest });
  expect(events.map(({ fields }) => fields['actorid'])).toEqual(['ci', undefined]);
  expect(stats()).toMatchObject({
    dispatched: 2,
    suppressed: { 'casartifact.downloaded': 3, 'casartifact.uploaded': 1 },
  });
});

test.each<[string, Claims | null, string, string]>([
  ['no claims', null, 'org_missing', ''],
  ['none', {}, 'org_missing', ''],
  ['an empty one', { org_id: '' }, 'org_missing', ''],
  ['a bad one', { org_id: 'a.b' }, 'org_malformed', 'a.b'],
  ['that of another chain', { org_id: '_unattributed' }, 'org_malformed', '_unattributed'],
  ['a number', { org_id: 7 }, 'org_malformed', '7'],
  ['an object', { org_id: { id: 'acme' } }, 'org_malformed', '{"id":"acme"}'],
  ['what has no text', { org_id: () => 1 }, 'org_malformed', 'function'],
  ['what is too large for JSON', { org_id: 7n }, 'org_malformed', 'bigint'],
  ['what no attribute can have', { org_id: 'a\u0000\ud800b' }, 'org_malformed', 'a\ufffd\ufffdb'],
  ['a long one', { org_id: 'x'.repeat(999) }, 'org_malformed', `${'x'.repeat(255)}…`],
  ['one that is cut in a pair', { org_id: `x${'😀'.repeat(200)}` }, 'org_malformed', `x${'😀'.repeat(127)}…`],
  ['a getter that throws', Object.defineProperty({}, 'org_id', { get: () => fail() }), 'org_missing', ''],
])(
  'an event without a usable organization says what was claimed, and nobody is billed: %s',
  (_, claims, degraded, claimed) => {
    const { audit, events } = recorder();
    const { dispatch, stats } = dispatcher(audit);
    dispatch(claims, artifactUploaded, { digest, size_bytes: 5 });
    expect(events).toMatchObject([{ fields: { orgid: '_unattributed', claimedorg: claimed, degraded, digest } }]);
    expect(stats()).toMatchObject({ dispatched: 1, degraded: 1 });
    const sink = memorySink();
    dispatcher(sink).dispatch(claims, artifactUploaded, { digest, size_bytes: 5 });
    expect(sink.events).toMatchObject([{ orgid: '_unattributed', claimedorg: claimed }]);
    const [event] = sink.events as unknown as JsonObject[];
    expect(transferOf(event as JsonObject)).toBeNull();

    const own = memorySink();
    dispatcher(own, { degradedOrgid: 'lost' }).dispatch(claims, artifactUploaded, { digest });
    expect(own.events).toMatchObject([{ orgid: 'lost', data: { degraded, claimed_org: claimed } }]);
  },
);

test.each(['', 'a.b', '_system', '-a', 'x'.repeat(65), 7 as unknown as string])(
  'an organization for such events that cannot be is refused when the dispatcher is made: %s',
  (degradedOrgid) => {
    expect(() => dispatcher(recorder().audit, { degradedOrgid })).toThrow(
      expect.objectContaining({ code: 'INVALID_OPTIONS', message: expect.stringContaining('degradedOrgid') }) as Error,
    );
  },
);

test('claims that no event can have cost that attribute', () => {
  const { audit, events } = recorder();
  const memory = memorySink();
  const { dispatch } = dispatcher(teeSink(memory, audit as Sink), { actor: (claims) => claims });
  const hostile = { org_id: 'acme', actortype: 'ROOT', actorid: 'x'.repeat(999), actorname: 7, actoremail: '\ud800' };
  dispatch(hostile, artifactUploaded, { digest });
  expect(events[0]?.fields).toEqual({ orgid: 'acme', digest, actorid: 'x'.repeat(999), actoremail: '\ud800' });
  // An id is not cut: two long ones would be the same. What is published of it is as unique.
  const { actorid, actoremail } = memory.events[0] ?? {};
  expect({ actorid, actoremail }).toEqual({
    actorid: `sha256:${createHash('sha256').update('x'.repeat(999)).digest('hex')}`,
    actoremail: '\ufffd',
  });
  dispatcher(audit, { actor: () => fail() }).dispatch({ org_id: 'acme' }, artifactUploaded, { digest });
  expect(events[1]?.fields).toEqual({ orgid: 'acme', digest });
  const unreadable = new Proxy({ digest }, { ownKeys: () => fail() });
  dispatch({ org_id: 'acme' }, artifactUploaded, unreadable);
  expect(events).toHaveLength(3);
  const huge: Record<string, unknown> = { digest };
  for (let i = 0; i < 30_000; i++) huge[`member ${i}`] = i;
  dispatch({ org_id: 'acme' }, artifactUploaded, huge as never);
  // Handed on as it is: nothing of it was copied.
  expect(events[3]?.fields).toBe(huge);
  expect(memory.drops.at(-1)).toMatchObject({ reason: 'too_large' });
  dispatcher({ emit: () => fail() }).dispatch({}, artifactUploaded, { digest });
});

test('a lazy size is looked up afterwards; the event keeps the time of the call, and is absent on failure', async () => {
  const { audit, events } = recorder();
  const { dispatch, settled, stats } = dispatcher(audit);
  const claims = { org_id: 'acme' };
  const response = Promise.withResolvers<void>();
  let looked = false;
  const size_bytes = lazySize(() => ((looked = true), Promise.resolve(42)), { after: response.promise });
  const before = Date.now();
  dispatch(claims, artifactDownloaded, { digest, size_bytes });
  const calledAt = Date.now();
  await new Promise((resolve) => setImmediate(resolve));
  expect({ looked, ...stats() }).toMatchObject({ looked: false, waiting: 1, dispatched: 0 });
  response.reject(new Error('the client went away'));
  await settled();
  expect(events).toMatchObject([{ fields: { size_bytes: 42, time: expect.any(Date) } }]);
  const [time] = events.map(({ fields }) => fields['time'] as Date);
  expect(Number(time)).toBeGreaterThanOrEqual(before);
  expect(Number(time)).toBeLessThanOrEqual(calledAt);

  for (const lookup of [() => fail(), () => Promise.reject(new Error('gone')), () => -1, () => 1.5, () => undefined]) {
    dispatch(claims, artifactDownloaded, { digest, size_bytes: lazySize(lookup) });
  }
  dispatch(claims, artifactDownloaded, { digest, size_bytes: Promise.reject(new Error('not from lazySize')) });
  await settled();
  expect(events.slice(1).map(({ fields }) => fields['size_bytes'])).toEqual(Array.from({ length: 6 }));
  expect(stats()).toMatchObject({ waiting: 0, dispatched: 7 });
});

test('at most 32 look-ups at once, and none for longer than its time', async () => {
  const answer = Promise.withResolvers<number>();
  let running = 0;
  const sizes = Array.from({ length: MAX_LOOKUPS + 10 }, () => lazySize(() => (running++, answer.promise)));
  await expect.poll(() => running).toBe(MAX_LOOKUPS);
  expect(await Promise.all(sizes.slice(MAX_LOOKUPS))).toEqual(Array.from({ length: 10 }));
  answer.resolve(7);
  expect(new Set(await Promise.all(sizes.slice(0, MAX_LOOKUPS)))).toEqual(new Set([7]));

  let aborted = false;
  const slow = lazySize(
    (signal) => {
      signal.addEventListener('abort', () => (aborted = true));
      return new Promise(() => {});
    },
    { timeoutMs: 5 },
  );
  expect(await slow).toBe(undefined);
  expect(aborted).toBe(true);
  expect(await lazySize(() => 1)).toBe(1);
});

function fail(): never {
  throw new Error('foreign code');
}
