/** Bills of ledgers whose months were made by setting the times of their entries. */
import type { NatsConnection } from '@nats-io/nats-core';
import { createBillSigner, makeBill, makeBills, type Settings, startConsumer, usage } from '@waybill/consumer';
import { createPublisher } from '@waybill/publisher';
import { type Bill, formatBill, parseBill, statementText, verifyBill } from '@waybill/schema';
import { producerClosed } from '@waybill/schema/internal';
import { generateKeyPairSync } from 'node:crypto';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { checkLedger } from '../support/check-ledger.ts';
import { createLedgerBuilder, type LedgerBuilder } from '../support/ledger-builder.ts';
import { logger, memoryLogger } from '../support/logger.ts';
import { startNats } from '../support/nats.ts';
import { SOURCE, upload } from '../support/publishers.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { PATIENT } from '../support/time.ts';
import { makeStreams } from '../support/traffic.ts';
import { until } from '../support/until.ts';
import { environmentOf, waybill } from '../support/waybill.ts';

const NOVEMBER = { period: '2025-11', zone: 'Europe/Berlin', issuer: 'Example GmbH' };
const secret = generateKeyPairSync('ed25519').privateKey.export({ format: 'pem', type: 'pkcs8' });
const signer = createBillSigner({ secret });
const key = `${signer.keyid}=${signer.publicKey}`;

const CONTROL = 'waybill.control';

/** October 31 ends in Berlin at 23:00 in UTC, November 30 too. */
function appendMonths(builder: LedgerBuilder): void {
  const numbered = (n: number, producer = 'b1') => ({ producer, producerseq: String(n) });
  const add = (received: string, bytes: number, attributes = {}) =>
    builder.append({ orgid: 'acme', received, bytes, attributes });
  builder.record('2025-10-05T00:00:00.000Z', { kind: 'duplicate', orgid: 'acme' });
  builder.record('2025-10-06T00:00:00.000Z', { kind: 'gap', first: 2, last: 4 });
  add('2025-10-31T22:59:59.999Z', 1, numbered(1));
  add('2025-10-31T23:00:00.000Z', 10, numbered(2));
  builder.record('2025-11-02T00:00:00.000Z', { kind: 'gap', first: 8, last: 12 });
  builder.record('2025-11-03T00:00:00.000Z', { kind: 'duplicate', orgid: 'acme' });
  builder.record('2025-11-03T00:00:00.000Z', { kind: 'duplicate', orgid: 'other' });
  builder.record('2025-11-03T00:00:00.000Z', { kind: 'beyond_window', orgid: 'acme' });
  for (const orgid of ['.acme', '.other', '._unattributed', ''])
    builder.record('2025-11-04T00:00:00.000Z', { kind: 'rejected', subject: `audit.a.b${orgid}` });
  // What an operator said, and was wrong: no event of anybody.
  builder.record('2025-11-05T00:00:00.000Z', { kind: 'rejected', subject: `${CONTROL}.acknowledge.acme` });
  add('2025-11-10T12:00:00.000Z', 100, numbered(5));
  add('2025-11-11T12:00:00.000Z', 0, { ...numbered(1, 'b2'), type: 'producer.closed' });
  builder.append({ orgid: 'Acme', received: '2025-11-12T00:00:00.000Z', bytes: 7 });
  add('2025-11-30T22:59:59.999Z', 1000, numbered(4));
  builder.record('2025-11-30T23:00:00.000Z', { kind: 'duplicate', orgid: 'acme' });
  add('2025-11-30T23:00:00.000Z', 10_000, numbered(7));
  builder.append({ orgid: 'late', received: '2025-12-01T00:00:00.000Z', bytes: 1 });
}

interface MonthLedger {
  readonly nc: NatsConnection;
  readonly settings: Settings;
  readonly builder: LedgerBuilder;
}

async function monthLedger(nc: NatsConnection): Promise<MonthLedger> {
  const settings = { ...(await makeStreams(nc)), auditPrefix: 'audit', controlPrefix: CONTROL };
  const builder = createLedgerBuilder(nc, settings);
  appendMonths(builder);
  await builder.commit();
  return { nc, settings, builder };
}

async function linesOf(url: string, settings: Settings, orgid: string): Promise<string[]> {
  const { stdout } = await waybill(['replay', '--org', orgid], environmentOf(url, settings));
  return stdout.trimEnd().split('\n');
}

describe('a bill', () => {
  test('is that of usage, with a line for each local day, and what may be missing as of its end', async () => {
    await using server = await startNats();
    const { nc, settings } = await monthLedger(await server.connect());
    const bill = await makeBill(nc, settings, { ...NOVEMBER, orgid: 'acme', signer });
    const { statement } = bill;
    expect(statement).toMatchObject({
      orgid: 'acme',
      period: '2025-11',
      zone: 'Europe/Berlin',
      tz: process.versions['tz'],
      from: '2025-10-31T23:00:00.000Z',
      to: '2025-11-30T23:00:00.000Z',
      issued_by: 'Example GmbH',
      usage: { events: '4', uploads: { count: '3', bytes: '1110', unknown: '0' } },
      completeness: {
        unknown: '0',
        // Number 3 of b1. Its number 6 was given, but nobody knows that before the end.
        missing: '1',
        open: { count: '1', publishers: [{ producer: 'b1', last: '5', received: '2025-11-10T12:00:00.000Z' }] },
        duplicates: '1',
        beyond_window: '1',
        rejected: '3',
        gaps: '5',
      },
    });
    expect(statement.lines).toHaveLength(30);
    expect(statement.lines.map(({ uploads }) => uploads.bytes).filter((bytes) => bytes !== '0')).toEqual([
      '10',
      '100',
      '1000',
    ]);
    const { events, uploads, downloads, deduplicated } = await usage(nc, settings, {
      orgid: 'acme',
      period: NOVEMBER.period,
      zone: NOVEMBER.zone,
    });
    expect(statement.usage).toEqual({ events, uploads, downloads, deduplicated });

    const lines = await linesOf(server.url, settings, 'acme');
    const report = verifyBill(formatBill(bill), { tz: process.versions['tz'] ?? '', replay: { lines } });
    expect(report).toMatchObject({ verdict: 'ok', summary: 'ok' });
    expect(report.stated).toEqual([
      { what: 'numbers of completeness', count: 4 },
      { what: expect.stringContaining('who issued'), count: 1 },
    ]);
  });

  test('is the same for ever, whatever comes later, but for the anchors', async () => {
    await using server = await startNats();
    const { nc, settings, builder } = await monthLedger(await server.connect());
    const all = async (zone = NOVEMBER.zone): Promise<Bill[]> => {
      const bills: Bill[] = [];
      for await (const bill of makeBills(nc, settings, { ...NOVEMBER, zone, signer })) bills.push(bill);
      return bills;
    };
    const first = await all();
    expect(first.map(({ statement }) => statement.orgid)).toEqual(['Acme', 'acme']);
    expect((await all()).map(formatBill)).toEqual(first.map(formatBill));
    builder.record('2025-12-03T00:00:00.000Z', { kind: 'gap', first: 90, last: 99 });
    builder.append({ orgid: 'Acme', received: '2025-12-24T00:00:00.000Z', bytes: 5 });
    builder.append({ orgid: 'acme', received: '2025-12-24T00:00:00.000Z', bytes: 5 });
    await builder.commit();
    const second = await all();
    expect(second.map(({ statement }) => statementText(statement))).toEqual(
      first.map(({ statement }) => statementText(statement)),
    );
    expect(second.map(({ signature }) => signature)).toEqual(first.map(({ signature }) => signature));
    expect(first[0]?.anchors.after?.at(-1)).toBe(null);
    expect(second[0]?.anchors.after?.at(-1)).toMatchObject({ seq: 2 });
    // A gap of December is in the bill of December, whatever time its record has.
    expect((await all('UTC')).map(({ statement }) => statement.completeness.gaps)).toEqual(['5', '5']);
  });

  test('of a period that is not final is refused', async () => {
    await using server = await startNats();
    const { nc, settings } = await monthLedger(await server.connect());
    const next = { ...NOVEMBER, period: String(new Date().getUTCFullYear() + 1) };
    await expect(makeBill(nc, settings, { ...next, orgid: 'acme' })).rejects.toMatchObject({ code: 'NOT_FINAL' });
    const args = ['bill', '--org', 'acme', '--period', next.period];
    expect(await waybill(args, environmentOf(server.url, settings))).toMatchObject({ code: 75, stdout: '' });
  });

  test('of publishers and a consumer knows who has ended', async () => {
    await using server = await startNats();
    const nc = await server.connect();
    const settings = await makeStreams(nc);
    await using _ = await startConsumer({ nc, logger, ...settings });
    const options = {
      source: SOURCE,
      servers: server.url,
      logger: memoryLogger(),
      subjectPrefix: settings.auditPrefix,
    };
    const from = new Date().toISOString();
    const publishers = [createPublisher(options), createPublisher(options)];
    for (const [i, publisher] of publishers.entries()) {
      for (let n = 0; n < 5; n++) publisher.emit(upload(n + 1, 'acme'));
      if (i === 0) publisher.emit(producerClosed({ orgid: 'acme' }));
      await publisher.close(PATIENT);
    }
    // In milliseconds, and later than everything.
    const to = new Date(Date.now() + 1).toISOString();
    const bill = await until('a final period', async () => {
      const made = makeBill(nc, settings, { from, to, issuer: 'x', orgid: 'acme' });
      return made.catch((error: { code: string }) => (error.code === 'NOT_FINAL' ? null : Promise.reject(error)));
    });
    expect(bill.statement.usage).toMatchObject({ uploads: { count: '10', bytes: '30' } });
    expect(bill.statement.completeness).toMatchObject({ missing: '0', gaps: '0' });
    expect(Number(bill.statement.completeness.open.count)).toBeLessThanOrEqual(1);
    await checkLedger(nc, settings);
  });
});

describe('waybill bill', () => {
  test('writes a file for each organization, once', async () => {
    await using server = await startNats();
    using folder = temporaryDirectory();
    const { settings, builder } = await monthLedger(await server.connect());
    const keyFile = join(folder.path, 'key.pem');
    writeFileSync(keyFile, secret);
    const env = {
      ...environmentOf(server.url, settings),
      WAYBILL_BILL_KEY_FILE: keyFile,
      WAYBILL_BILL_ISSUER: NOVEMBER.issuer,
    };
    const out = join(folder.path, 'bills');
    const args = ['bill', '--all', '--period', '2025-11', '--zone', 'Europe/Berlin', '--out', out];
    expect(await waybill(args, env)).toMatchObject({
      code: 0,
      stdout: `written   ${join(out, '!acme.2025-11.bill.json')}\nwritten   ${join(out, 'acme.2025-11.bill.json')}\n`,
      stderr: `signed by ${signer.keyid}: customers check with --key ${signer.publicKey}\n`,
    });
    const file = join(out, 'acme.2025-11.bill.json');
    const text = readFileSync(file, 'utf8');
    expect(parseBill(text).statement.issued_by).toBe(NOVEMBER.issuer);

    builder.append({ orgid: 'Acme', received: '2025-12-24T00:00:00.000Z', bytes: 5 });
    await builder.commit();
    const again = await waybill([...args, '--json'], env);
    expect(JSON.parse(again.stdout)).toMatchObject({
      key: { keyid: signer.keyid, publicKey: signer.publicKey },
      bills: [{ orgid: 'Acme', state: 'unchanged' }, { state: 'unchanged' }],
    });
    expect(readFileSync(file, 'utf8')).toBe(text);

    // Another issuer, other people's files, and a bill that somebody has changed: all stay as they are.
    for (const [content, why] of [
      [text.replace('1110', '1111'), 'differs'],
      ['mine', 'no bill'],
    ] as const) {
      writeFileSync(file, content);
      const refused = await waybill(args, env);
      expect(refused.code).toBe(73);
      expect(refused.stderr).toContain(why);
      expect(refused.stdout).toContain('unchanged');
      expect(readFileSync(file, 'utf8')).toBe(content);
    }
    rmSync(file);
    const other = await waybill([...args, '--issuer', 'Other'], env);
    expect(other).toMatchObject({ code: 73, stderr: expect.stringContaining('its statement differs (issued_by)') });
    expect(folder.files()).toEqual(['bills/!acme.2025-11.bill.json', 'bills/acme.2025-11.bill.json', 'key.pem']);
  });

  test('says that a bill is not signed, and that there is none to make', async () => {
    await using server = await startNats();
    using folder = temporaryDirectory();
    const { settings } = await monthLedger(await server.connect());
    const env = environmentOf(server.url, settings);
    const zone = ['--zone', 'Europe/Berlin'];
    const out = join(folder.path, 'bills');
    const none = await waybill(['bill', '--all', '--period', '2024-11', ...zone, '--out', out], env);
    expect(none).toMatchObject({ code: 0, stdout: '', stderr: expect.stringContaining('there is no bill to make') });
    const all = await waybill(['bill', '--all', '--period', '2025-11', ...zone, '--out', out], env);
    expect(all).toMatchObject({ code: 0, stderr: expect.stringMatching(/^waybill: not signed: .*\n$/) });
    const one = await waybill(['bill', '--org', 'acme', '--period', '2025-11', ...zone], env);
    expect(one).toMatchObject({ code: 0, stderr: expect.stringContaining('not signed') });
    expect(parseBill(one.stdout).signature).toBeUndefined();
  });

  test('prints one bill, and verify --bill judges it without a server', async () => {
    await using server = await startNats();
    using folder = temporaryDirectory();
    const { settings } = await monthLedger(await server.connect());
    const keyFile = join(folder.path, 'key.pem');
    writeFileSync(keyFile, secret);
    const env = { ...environmentOf(server.url, settings), WAYBILL_BILL_KEY_FILE: keyFile };
    const args = ['bill', '--org', 'acme', '--period', '2025-11', '--zone', 'Europe/Berlin'];
    const { stdout, code } = await waybill(args, env);
    expect(code).toBe(0);
    const [bill, replay] = [join(folder.path, 'bill.json'), join(folder.path, 'acme.ndjson')];
    writeFileSync(bill, stdout);
    writeFileSync(replay, `${(await linesOf(server.url, settings, 'acme')).join('\n')}\n`);
    const check = (...more: string[]) => waybill(['verify', '--bill', bill, ...more]);

    const plain = await check();
    expect(plain).toMatchObject({ code: 0, stderr: '' });
    expect(plain.stdout.trimEnd().split('\n').at(-1)).toBe('verdict: ok, unanchored');
    expect(plain.stdout).toContain('anchored to: nothing');
    const signed = await check('--key', signer.publicKey, '--replay', replay);
    expect(signed.stdout).toMatch(/proven: the statement is signed by a key that was given: 1\n[^]*\nverdict: ok\n$/);
    expect((await check('--key', key, '--json')).stdout).toContain('"verdict":"ok"');
    const head = JSON.parse((await waybill(['head', '--org', 'acme', '--json'], env)).stdout) as {
      seq: number;
      hash: string;
    };
    expect((await check('--expect', `${head.seq}:${head.hash}`)).stdout).toMatch(
      /verdict: ok, 1 of 31 cuts anchored\n$/,
    );

    expect(await check('--expect', `${head.seq}:${'0'.repeat(64)}`)).toMatchObject({ code: 1 });
    const other = createBillSigner({ secret: Buffer.alloc(32, 1).toString('base64') });
    expect(await check('--key', other.publicKey)).toMatchObject({ code: 1 });
    writeFileSync(bill, stdout.replaceAll('1110', '1111'));
    expect(await check()).toMatchObject({ code: 1, stdout: expect.stringContaining('verdict: tampered') });
    writeFileSync(bill, JSON.stringify(JSON.parse(stdout), null, 2));
    expect(await check()).toMatchObject({ code: 4, stdout: expect.stringContaining('canonical') });
    writeFileSync(bill, stdout);
    writeFileSync(replay, readFileSync(replay, 'utf8').split('\n').slice(0, 2).join('\n'));
    expect(await check('--replay', replay)).toMatchObject({ code: 2 });
  });

  test('says what is wrong with a call', async () => {
    using folder = temporaryDirectory();
    const mistakes: [string[], number, string][] = [
      [['bill'], 64, '--org ID or --all'],
      [['bill', '--all', '--period', '2025-11'], 64, '--out DIR'],
      [['verify', '--bill', 'x', '--file', 'y'], 64, '--bill and --file'],
      [['verify', '--key', 'x'], 64, 'need --bill'],
      [['verify', '--bill', join(folder.path, 'none')], 66, 'none'],
      [['verify', '--bill', 'x', '--key', 'short'], 66, 'x'],
    ];
    for (const [args, code, says] of mistakes)
      expect(await waybill(args), args.join(' ')).toMatchObject({ code, stderr: expect.stringContaining(says) });
  });
});
