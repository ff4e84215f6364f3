/** Losses that are acknowledged, from the message to the verdict, and what does not count as an acknowledgement. */
import { jetstream } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/nats-core';
import { acknowledge, readOpenProducers, type Settings, usage, verifyLedger } from '@waybill/consumer';
import { formatAcknowledgement, formatAcknowledgeSubject, SYSTEM_CHAIN } from '@waybill/schema/internal';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { checkLedger } from '../support/check-ledger.ts';
import { startNats, type TestNats } from '../support/nats.ts';
import { makeStreams } from '../support/traffic.ts';
import { chainAll, say, send, verifyBoth } from '../support/known-losses.ts';
import { complaints } from './forgers-ledger.ts';

let server: TestNats;
let nc: NatsConnection;
let settings: Settings;
beforeAll(async () => {
  server = await startNats();
  nc = await server.connect();
});
afterAll(() => server[Symbol.asyncDispose]());

/** 3 and 4 never came. */
beforeEach(async () => {
  settings = await makeStreams(nc);
  await send(nc, settings, 'boot', [1, 2, 5]);
  await chainAll(nc, settings);
});

const OPS = { orgid: 'acme', by: 'ops', reason: 'a disk', waitMs: 0 } as const;
const LOST = { producer: 'boot', first: 3, last: 4 } as const;

async function recordsOf(kind: string): Promise<unknown[]> {
  const { entries } = await checkLedger(nc, settings);
  return entries(SYSTEM_CHAIN).flatMap(({ event }) => (event?.['kind'] === kind ? [event] : []));
}

describe('a loss that is acknowledged', () => {
  test('is still listed, with the reason, and the verdict is ok', async () => {
    for (const { verdict, acknowledged } of await verifyBoth(nc, settings))
      expect([verdict, acknowledged]).toEqual(['incomplete', '0']);
    const before = await usage(nc, settings, { orgid: 'acme', from: '2020-01-01', to: '2100-01-01' });
    const [done] = await acknowledge(nc, settings, { ...OPS, losses: [LOST] });
    expect(done).toEqual({ ...LOST, known: null, message: 4 });
    // It counts once it is chained.
    expect((await verifyLedger(nc, settings, { waitMs: 0 })).verdict).toBe('incomplete');
    await chainAll(nc, settings);
    for (const report of await verifyBoth(nc, settings)) {
      expect(complaints(report).trim()).toBe('');
      expect([report.verdict, report.acknowledged]).toEqual(['ok', '2']);
      const acknowledged = { seq: 1, by: 'ops', reason: 'a disk' };
      expect(report.chains.find(({ orgid }) => orgid === 'acme')).toMatchObject({
        verdict: 'ok',
        missing: '2',
        holes: [{ ...LOST, acknowledged }],
      });
      expect(report.checked).toContainEqual({
        what: 'acknowledgements of losses, against the messages that they were made in',
        count: 1,
      });
    }
    expect(await recordsOf('acknowledged')).toMatchObject([{ orgid: 'acme', ...LOST, by: 'ops', reason: 'a disk' }]);
    // It is no event of the organization.
    const after = await usage(nc, settings, { orgid: 'acme', from: '2020-01-01', to: '2100-01-01' });
    expect(after).toMatchObject({ events: before.events, uploads: before.uploads });
  });

  test('does not cover what is lost later', async () => {
    await acknowledge(nc, settings, { ...OPS, losses: [LOST] });
    await send(nc, settings, 'boot', [7]);
    await chainAll(nc, settings);
    for (const report of await verifyBoth(nc, settings)) {
      expect([report.verdict, report.acknowledged]).toEqual(['incomplete', '2']);
      expect(report.chains.find(({ orgid }) => orgid === 'acme')?.holes).toMatchObject([
        { first: 6, last: 6 },
        { first: 3, last: 4, acknowledged: { seq: 1 } },
      ]);
    }
  });

  test('is acknowledged once, whoever says so again, and however the message comes again', async () => {
    await acknowledge(nc, settings, { ...OPS, losses: [LOST] });
    // Not chained yet: it is the same message for the stream.
    expect(await acknowledge(nc, settings, { ...OPS, losses: [LOST] })).toMatchObject([{ message: 4 }]);
    await chainAll(nc, settings);
    const again = await acknowledge(nc, settings, { ...OPS, by: 'me', losses: [LOST] });
    expect(again).toEqual([{ ...LOST, known: { seq: 1, by: 'ops', reason: 'a disk' }, message: null }]);
    // After the dedupe window: without an id.
    await say(nc, settings, {});
    await send(nc, settings, 'boot', [7]);
    await say(nc, settings, { first: 3, last: 4 });
    await chainAll(nc, settings);
    expect(await recordsOf('acknowledged')).toHaveLength(3);
    for (const report of await verifyBoth(nc, settings)) {
      expect(complaints(report).trim()).toBe('');
      expect([report.verdict, report.acknowledged]).toEqual(['incomplete', '2']);
    }
  });

  test('may come after all, and then is not lost', async () => {
    await acknowledge(nc, settings, { ...OPS, losses: [LOST] });
    await send(nc, settings, 'boot', [4]);
    await chainAll(nc, settings);
    for (const report of await verifyBoth(nc, settings)) {
      expect([report.verdict, report.acknowledged]).toEqual(['ok', '1']);
      expect(report.chains.find(({ orgid }) => orgid === 'acme')?.holes).toMatchObject([{ first: 3, last: 3 }]);
    }
  });
});

describe('what is not lost', () => {
  test.each([
    [
      'a number that came',
      { producer: 'boot', first: 2, last: 4 },
      /the chain has the event 2; verify lists boot 3-4$/,
    ],
    ['one number more', { producer: 'boot', first: 3, last: 5 }, /the chain has the event 5; verify lists boot 3-4$/],
    ['numbers that may come', { producer: 'boot', first: 6, last: 9 }, /its last number there is 5, and nobody knows/],
    [
      'those of a publisher that is not there',
      { producer: 'other', first: 1, last: 1 },
      /has no event of this publisher/,
    ],
    [
      'the end after another number',
      { producer: 'boot', first: 5, last: null },
      /its last number there is 5, received at/,
    ],
    ['the end of a publisher that is not there', { producer: 'other', first: 2, last: null }, /has no event of this/],
  ] as const)('is refused: %s', async (_name, loss, message) => {
    // And nothing is said about the others.
    const refused = acknowledge(nc, settings, { ...OPS, losses: [LOST, loss] });
    await expect(refused).rejects.toMatchObject({
      code: 'NOT_LOST',
      message: expect.stringMatching(message) as string,
    });
    await chainAll(nc, settings);
    expect(await recordsOf('acknowledged')).toEqual([]);
  });

  test('is not covered by a message that somebody publishes without the checks: exactly what is missing is', async () => {
    await say(nc, settings, { first: 1, last: Number.MAX_SAFE_INTEGER });
    await send(nc, settings, 'boot', [7]);
    await chainAll(nc, settings);
    for (const report of await verifyBoth(nc, settings)) {
      expect(complaints(report).trim()).toBe('');
      expect([report.verdict, report.acknowledged]).toEqual(['incomplete', '2']);
    }
  });
});

describe('an end that is acknowledged', () => {
  const END = { producer: 'boot', first: 6, last: null } as const;

  test('is open no more, until the publisher emits again', async () => {
    expect(await readOpenProducers(nc, settings, { orgid: 'acme' })).toMatchObject({ open_count: 1 });
    await acknowledge(nc, settings, { ...OPS, losses: [LOST, END] });
    await chainAll(nc, settings);
    for (const report of await verifyBoth(nc, settings)) {
      expect([report.verdict, report.acknowledged]).toEqual(['ok', '3']);
      expect(report.chains.find(({ orgid }) => orgid === 'acme')).toMatchObject({
        open: [],
        open_count: 0,
        acknowledged_ends: [{ producer: 'boot', last: 5, acknowledged: { seq: 2, by: 'ops', reason: 'a disk' } }],
      });
    }
    expect(await readOpenProducers(nc, settings, { orgid: 'acme' })).toEqual({ open: [], open_count: 0 });
    expect(await acknowledge(nc, settings, { ...OPS, losses: [END] })).toMatchObject([{ known: { seq: 2 } }]);
    await send(nc, settings, 'boot', [8]);
    await chainAll(nc, settings);
    for (const report of await verifyBoth(nc, settings)) {
      expect([report.verdict, report.acknowledged]).toEqual(['incomplete', '2']);
      expect(report.chains.find(({ orgid }) => orgid === 'acme')).toMatchObject({ missing: '4', open_count: 1 });
    }
    expect(await readOpenProducers(nc, settings, { orgid: 'acme' })).toMatchObject({ open_count: 1 });
  });
});

describe('what is no acknowledgement', () => {
  test('a publisher’s message that says the same, on its own subject', async () => {
    const payload = formatAcknowledgement({ orgid: 'acme', ...LOST, by: 'ops', reason: 'so' });
    for (const subject of [`${settings.auditPrefix}.casartifact.uploaded.acme`, `${settings.auditPrefix}.x.acme`])
      await jetstream(nc).publish(subject, payload);
    await chainAll(nc, settings);
    expect(await recordsOf('rejected')).toHaveLength(2);
    for (const report of await verifyBoth(nc, settings))
      expect([report.verdict, report.acknowledged]).toEqual(['incomplete', '0']);
  });

  test('a message on a control subject that breaks the rules is kept as garbage, and the chains go on', async () => {
    const { controlPrefix: prefix } = settings;
    const good = JSON.parse(formatAcknowledgement({ orgid: 'acme', ...LOST, by: 'ops', reason: 'so' })) as object;
    const subject = formatAcknowledgeSubject('acme', prefix);
    for (const [where, what] of [
      [subject, 'garbage'],
      [subject, JSON.stringify({ ...good, first: 5 })],
      [subject, JSON.stringify([good])],
      [formatAcknowledgeSubject('bolt', prefix), JSON.stringify(good)],
      [`${prefix}.acknowledge`, JSON.stringify(good)],
      [`${prefix}.hold.acme`, JSON.stringify(good)],
      [`${prefix}.acknowledge.acme.more`, JSON.stringify(good)],
    ] as const)
      await jetstream(nc).publish(where, what);
    await chainAll(nc, settings);
    expect(await recordsOf('rejected')).toHaveLength(7);
    for (const report of await verifyBoth(nc, settings)) {
      expect(complaints(report).trim()).toBe('');
      expect([report.verdict, report.acknowledged]).toEqual(['incomplete', '0']);
    }
  });
});
