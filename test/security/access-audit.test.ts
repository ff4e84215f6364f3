/** The audit of reads: who read what is in the chain of whose data it was. */
import { jetstreamManager } from '@nats-io/jetstream';
import { createAccess, type Principal, type Settings, startConsumer, verifyLedger } from '@waybill/consumer';
import { beforeEach, describe, expect, test } from 'vitest';
import { readMessage } from '../../packages/consumer/src/access/audit-event.ts';
import { publishAuditMessages } from '../../packages/consumer/src/access/audit-sender.ts';
import { type ReadAudit, startReadAudit } from '../../packages/consumer/src/access/read-audit.ts';
import { caughtUp, checkLedger, readStream } from '../support/check-ledger.ts';
import { logger } from '../support/logger.ts';
import { needsOwnServer, startNats } from '../support/nats.ts';
import { makeStreams } from '../support/traffic.ts';
import { until } from '../support/until.ts';

beforeEach(needsOwnServer);

const TOKEN = { kind: 'token', id: 'aaaaaaaaaaaaaaaa' } as const;
const ALL: Pick<Principal, 'scopes' | 'organizations' | 'expiresAt'> = {
  scopes: new Set(),
  organizations: 'all',
  expiresAt: null,
};
const principal = (who: Pick<Principal, 'kind' | 'id'> = TOKEN): Principal => ({ ...ALL, ...who });

interface StoredEvent {
  readonly type: string;
  readonly orgid: string;
  readonly claimedorg?: string;
  readonly data: Record<string, unknown>;
}

async function events(nc: Parameters<typeof readStream>[0], { auditStream }: Settings): Promise<StoredEvent[]> {
  return (await readStream(nc, auditStream)).map(({ text }) => JSON.parse(text) as StoredEvent);
}

test('reads are chained in the chains of whose data they were, and everything verifies', async () => {
  await using server = await startNats();
  const nc = await server.connect();
  const settings = await makeStreams(nc);
  await using consumer = await startConsumer({ nc, ...settings, logger });
  const config = {
    stream: 'NONE',
    prefix: 'none',
    requestsPerMinute: 0,
    failuresPerMinute: 0,
    operatorOrg: 'operator',
    jwt: null,
  };
  const access = createAccess({ config, open: false, tokens: nc, nc, auditPrefix: settings.auditPrefix, logger });
  for (let i = 0; i < 3; i++) {
    access.noteRead({ principal: principal(), operation: 'entries.list', orgids: ['acme', 'bolt'], items: 100 });
  }
  access.noteRead({ principal: principal(), operation: 'entries.list', orgids: ['acme'], items: 0 });
  access.noteRead({ principal: principal(), operation: 'entries.get', orgids: ['acme'], items: 1 });
  access.noteRead({ principal: principal(), operation: 'bills.all', orgids: 'all', items: 12 });
  const request = Symbol('in two parts');
  for (const items of [30, 1])
    access.noteRead({
      principal: principal({ kind: 'jwt', id: 'jwt:u-7' }),
      operation: 'entries.get',
      orgids: ['acme'],
      items,
      request,
    });
  access.noteRead({
    principal: principal({ kind: 'open', id: 'open' }),
    operation: 'verifications.get',
    orgids: ['acme'],
    items: 9,
  });
  access.noteRead({ principal: principal(), operation: 'exports.get', orgids: ['acme'], items: 5 });
  await access.close();

  await caughtUp(nc, settings);
  const { entries } = await checkLedger(nc, settings);
  const of = (orgid: string): object[] =>
    entries(orgid).map(({ event }) => ({ type: event?.['type'], actor: event?.['actorid'], data: event?.['data'] }));
  const token = TOKEN.id;
  expect(of('acme').toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1))).toEqual(
    [
      { type: 'audit.exported', actor: token, data: { operation: 'exports.get', requests: 1, entries: 5, token } },
      { type: 'audit.read', actor: token, data: { operation: 'entries.get', requests: 1, entries: 1, token } },
      { type: 'audit.read', actor: token, data: { operation: 'entries.list', requests: 3, entries: 300, token } },
      {
        type: 'audit.read',
        actor: 'jwt:u-7',
        data: { operation: 'entries.get', requests: 1, entries: 31, token: 'jwt:u-7' },
      },
      {
        type: 'audit.verified',
        actor: 'open',
        data: { operation: 'verifications.get', requests: 1, entries: 9, token: 'open' },
      },
    ].toSorted((a, b) => (JSON.stringify(sorted(a)) < JSON.stringify(sorted(b)) ? -1 : 1)),
  );
  expect(of('bolt')).toEqual([
    { type: 'audit.read', actor: token, data: { operation: 'entries.list', requests: 3, entries: 300, token } },
  ]);
  expect(of('operator')).toEqual([
    { type: 'audit.billed', actor: token, data: { operation: 'bills.all', requests: 1, bills: 12, token } },
  ]);
  expect(await verifyLedger(nc, settings)).toMatchObject({ verdict: 'ok' });
  await consumer.close();
});

/** With the members of `data` in the order of canonical JSON. */
function sorted({ data, ...rest }: { type: string; actor: string; data: object }): object {
  return { ...rest, data: Object.fromEntries(Object.entries(data).toSorted(([a], [b]) => (a < b ? -1 : 1))) };
}

test('without an organization of the operator, reads over all are in the chain of nobody', async () => {
  await using server = await startNats();
  const nc = await server.connect();
  const settings = await makeStreams(nc);
  await using consumer = await startConsumer({ nc, ...settings, logger });
  const audit = startReadAudit({ nc, logger, auditPrefix: settings.auditPrefix, operatorOrg: null });
  audit.note({ principal: principal(), operation: 'usage.all', orgids: 'all', items: 3 });
  await audit.close();
  await caughtUp(nc, settings);
  const { entries, totals } = await checkLedger(nc, settings);
  expect(entries('_unattributed')).toMatchObject([
    { event: { type: 'audit.read', claimedorg: 'all organizations', data: { operation: 'usage.all' } } },
  ]);
  expect(totals.size).toBe(0);
  await consumer.close();
});

describe('one event a minute for each token, organization and operation', () => {
  test('a window ends by itself, and the next read begins another', async () => {
    await using server = await startNats();
    const nc = await server.connect();
    const settings = await makeStreams(nc);
    const place = { auditPrefix: settings.auditPrefix, operatorOrg: null };
    const audit = startReadAudit({ nc, logger, ...place, windowMs: 50 });
    const read = (): void =>
      audit.note({ principal: principal(), operation: 'entries.list', orgids: ['acme'], items: 2 });
    read();
    read();
    await until('the first event', async () => (await events(nc, settings)).length === 1);
    read();
    await until('the second event', async () => (await events(nc, settings)).length === 2);
    expect((await events(nc, settings)).map(({ data }) => [data['requests'], data['entries']])).toEqual([
      [2, 4],
      [1, 2],
    ]);
    await audit.close();
    read();
    expect(audit.counts).toMatchObject({ counting: 0, waiting: 0 });
  });

  test('memory is bounded, and what does not fit begins the next window early', async () => {
    await using server = await startNats();
    const nc = await server.connect();
    const audit = startReadAudit({ nc, logger, auditPrefix: 'nobody.hears', operatorOrg: null });
    for (let i = 0; i < 25_000; i++) {
      audit.note({ principal: principal(), operation: 'entries.list', orgids: [`o${i}`], items: 1 });
    }
    expect(audit.counts).toEqual({ counting: 5_000, waiting: 10_000, dropped: 10_000 });
    await server.kill9();
    await nc.close();
    await audit.close();
  });
});

test('an event that is sent again, because its acknowledgement was lost, is stored once', async () => {
  await using server = await startNats();
  const nc = await server.connect();
  const settings = await makeStreams(nc);
  const read = { principal: TOKEN, operation: 'entries.list', orgid: 'acme', requests: 1, items: 1, time: new Date() };
  const message = readMessage(read, { auditPrefix: settings.auditPrefix, operatorOrg: null });
  await publishAuditMessages(nc, [message]);
  await publishAuditMessages(nc, [message]);
  expect(await events(nc, settings)).toHaveLength(1);
});

describe('a publish that fails neither fails nor slows a read', () => {
  async function noteFor(audit: ReadAudit): Promise<void> {
    const before = performance.now();
    for (let i = 0; i < 1_000; i++) {
      audit.note({ principal: principal(), operation: 'entries.list', orgids: ['acme'], items: 1 });
    }
    expect(performance.now() - before).toBeLessThan(1_000);
    await Promise.resolve();
  }

  test('AUDIT takes no more for a while: what was read then is stored later, once', async () => {
    await using server = await startNats();
    const nc = await server.connect();
    const settings = await makeStreams(nc);
    const { streams } = await jetstreamManager(nc);
    const { config } = await streams.info(settings.auditStream);
    await streams.update(settings.auditStream, { ...config, max_msgs: 0, max_bytes: 1 });
    const lines: string[] = [];
    const write = (_: object, message: string): void => void lines.push(message);
    const audit = startReadAudit({
      nc,
      logger: { debug: write, info: write, warn: write, error: write },
      auditPrefix: settings.auditPrefix,
      operatorOrg: null,
    });
    await noteFor(audit);
    expect(await audit.flush()).toBe(1);
    await noteFor(audit);
    expect(await audit.flush()).toBe(2);
    await streams.update(settings.auditStream, { ...config, max_bytes: -1 });
    expect(await audit.flush()).toBe(0);
    expect(await audit.flush()).toBe(0);
    expect((await events(nc, settings)).map(({ data }) => data['requests'])).toEqual([1_000, 1_000]);
    expect(lines).toEqual(['events about reads cannot be stored: trying again', 'events about reads are stored again']);
    await audit.close();
  });

  test('a server that does not answer: closing ends after 5 s, and says what is lost', async () => {
    await using server = await startNats();
    const nc = await server.connect();
    const lines: string[] = [];
    const write = (fields: object, message: string): void => void lines.push(`${message} ${JSON.stringify(fields)}`);
    const audit = startReadAudit({
      nc,
      logger: { debug: write, info: write, warn: write, error: write },
      auditPrefix: 'audit',
      operatorOrg: null,
    });
    await server.pause();
    for (const orgid of ['acme', 'bolt']) {
      audit.note({ principal: principal(), operation: 'entries.list', orgids: [orgid], items: 1 });
    }
    const before = performance.now();
    await audit.close();
    expect(performance.now() - before).toBeLessThan(20_000);
    expect(lines).toContain('events about reads were not stored, and are lost {"lost":2}');
    await server.resume();
  });

  test('an operation, an organization or a number that no event can have', async () => {
    await using server = await startNats();
    const nc = await server.connect();
    const settings = await makeStreams(nc);
    const audit = startReadAudit({ nc, logger, auditPrefix: settings.auditPrefix, operatorOrg: null });
    for (const [operation, orgids, items] of [
      ['', ['acme'], 1],
      ['x'.repeat(65), ['acme'], 1],
      ['constructor', ['acme'], 1],
      ['entries.list', ['*', '>', '_system', 'a.b', 'acme'], 1],
      ['entries.list', null, 1],
      ['entries.list', ['acme'], Number.NaN],
      ['entries.list', ['acme'], -1],
      ['entries.list', ['acme'], 0.5],
    ] as const) {
      audit.note({ principal: principal(), operation, orgids: orgids as never, items });
    }
    await audit.close();
    expect((await events(nc, settings)).every(({ orgid }) => orgid === 'acme')).toBe(true);
  });
});
