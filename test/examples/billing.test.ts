/** The month-end job of examples/billing, as finance runs it: once, twice, killed in the middle, and too early. */
import { createClient } from '@waybill/client';
import { type Bill, parseBill, verifyBill } from '@waybill/schema';
import { organizationFileName } from '@waybill/schema/internal';
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createLedgerBuilder, type LedgerBuilder } from '../support/ledger-builder.ts';
import { startNats, type TestNats } from '../support/nats.ts';
import { type Ended, type Running, startProgram } from '../support/program.ts';
import { ROOT } from '../support/repository.ts';
import { type ServedReader, serveReader } from '../support/served-reader.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { makeStreams } from '../support/traffic.ts';
import { until } from '../support/until.ts';
import { environmentOf, waybill } from '../support/waybill.ts';

const PERIOD = '2025-11';
const MONTH = { period: PERIOD, zone: 'Europe/Berlin' };
/** `Acme` and `acme` are two customers. `late` comes in December. */
const NAMES = ['Acme', 'acme', ...Array.from({ length: 10 }, (_, i) => `customer-${i}`)];
const PROGRAM = join(ROOT, 'examples/billing/month-end.ts');

let server: TestNats;
let reader: ServedReader;
let builder: LedgerBuilder;
let env: Readonly<Record<string, string>>;

beforeAll(async () => {
  server = await startNats();
  const nc = await server.connect();
  const settings = await makeStreams(nc);
  env = environmentOf(server.url, settings);
  builder = createLedgerBuilder(nc, settings);
  for (const [i, orgid] of NAMES.entries()) {
    // In Berlin, October ends at 23:00 in UTC, and November too.
    builder.append({ orgid, received: '2025-10-31T22:59:59.999Z', bytes: 1 });
    builder.append({ orgid, received: '2025-10-31T23:00:00.000Z', bytes: 10 + i });
    builder.append({ orgid, received: '2025-11-30T22:59:59.999Z', bytes: 100 });
    builder.append({ orgid, received: '2025-11-30T23:00:00.000Z', bytes: 1000 });
  }
  builder.append({ orgid: 'late', received: '2025-12-01T00:00:00.000Z', bytes: 1 });
  await builder.commit();
  reader = await serveReader(nc, settings);
});

afterAll(async () => {
  await reader[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});

function start(folder: string, { url = reader.url, period = PERIOD } = {}): Running {
  return startProgram([PROGRAM, period, folder], { env: { WAYBILL_URL: url, WAYBILL_TOKEN: 'root' } });
}

async function run(folder: string, options: { url?: string; period?: string } = {}): Promise<Ended> {
  return await start(folder, options).ended;
}

const FINE = { code: 0, stdout: '', stderr: '' };
const fileOf = (orgid: string): string => `${organizationFileName(orgid)}.${PERIOD}.bill.json`;
const FILES = [...NAMES.map(fileOf), `usage.${PERIOD}.csv`].toSorted();

/** Every file with its bytes and the time of its last change. */
async function contentsOf(folder: string): Promise<Map<string, string>> {
  const names = (await readdir(folder)).toSorted();
  const entries = names.map(async (name) => {
    const file = join(folder, name);
    return [name, `${(await stat(file)).mtimeMs} ${await readFile(file, 'utf8')}`] as const;
  });
  return new Map(await Promise.all(entries));
}

function sumsOf(csv: string): { orgid: string; uploaded: string; downloaded: string; deduplicated: string }[] {
  const [heading, ...rows] = csv.trimEnd().split('\n');
  expect(heading).toBe('organization,from,to,uploaded_bytes,downloaded_bytes,deduplicated_bytes,unknown_sizes');
  return rows.map((row) => {
    const [orgid = '', , , uploaded = '', downloaded = '', deduplicated = ''] = row.split(',');
    return { orgid, uploaded, downloaded, deduplicated };
  });
}

test('has at most 40 lines, without what it is made for being left out', () => {
  const lines = readFileSync(PROGRAM, 'utf8').trimEnd().split('\n');
  expect(lines.length).toBeLessThanOrEqual(40);
});

describe('a month', () => {
  test('is a bill for each customer, and a table that says what usage says', async () => {
    using folder = temporaryDirectory();
    expect(await run(folder.path)).toMatchObject(FINE);
    expect((await readdir(folder.path)).toSorted()).toEqual(FILES);
    const wanted: object[] = [];
    for await (const usage of createClient({ url: reader.url, token: 'root' }).usage.all(MONTH)) {
      const { orgid, uploads, downloads, deduplicated } = usage;
      wanted.push({ orgid, uploaded: uploads.bytes, downloaded: downloads.bytes, deduplicated: deduplicated.bytes });
    }
    expect(sumsOf(await readFile(join(folder.path, `usage.${PERIOD}.csv`), 'utf8'))).toEqual(wanted);
    expect(wanted[0]).toEqual({ orgid: 'Acme', uploaded: '110', downloaded: '0', deduplicated: '0' });
    for (const orgid of NAMES) {
      const bytes = await readFile(join(folder.path, fileOf(orgid)));
      const bill: Bill = parseBill(bytes);
      expect(bill.statement).toMatchObject({ orgid, ...MONTH });
      const { stdout } = await waybill(['replay', '--org', orgid], env);
      const replay = { lines: stdout.trimEnd().split('\n') };
      expect(verifyBill(bytes, { tz: process.versions['tz'] ?? '', replay }), orgid).toMatchObject({ summary: 'ok' });
    }
  });

  test('run twice changes nothing, also when the chains have gone on', async () => {
    using folder = temporaryDirectory();
    expect(await run(folder.path)).toMatchObject(FINE);
    const first = await contentsOf(folder.path);
    for (const orgid of NAMES) builder.append({ orgid, received: '2025-12-24T00:00:00.000Z', bytes: 5 });
    await builder.commit();
    expect(await run(folder.path)).toMatchObject(FINE);
    expect(await contentsOf(folder.path)).toEqual(first);
  });

  test.for([fileOf('customer-3'), `usage.${PERIOD}.csv`])('never overwrites another %s', async (name) => {
    using folder = temporaryDirectory();
    expect(await run(folder.path)).toMatchObject(FINE);
    const file = join(folder.path, name);
    // What customer-3 uploaded: as JSON, or in a row of the table.
    const whole = await readFile(file, 'utf8');
    const changed = whole.replaceAll('"115"', '"114"').replaceAll(',115,', ',114,');
    expect(changed).not.toBe(whole);
    await writeFile(file, changed);
    const { code, stderr } = await run(folder.path);
    expect({ code, says: stderr.includes(`${name} is there, and differs`) }).toEqual({ code: 1, says: true });
    expect(await readFile(file, 'utf8')).toBe(changed);
  });

  test('killed in the middle leaves whole files; run again, it makes the rest', async () => {
    using folder = temporaryDirectory();
    let isCut = false;
    // Some bills arrive, and then nothing more.
    await using proxy = await startTcpProxy({
      target: () => (isCut ? undefined : reader.port),
      cutAfter: () => {
        isCut = true;
        return 250_000;
      },
    });
    await using running = start(folder.path, { url: `http://127.0.0.1:${proxy.port}` });
    await until('some bills', async () => (await readdir(folder.path)).filter((name) => !name.startsWith('.'))[1]);
    expect(await running.end('SIGKILL')).toMatchObject({ signal: 'SIGKILL' });
    const left = (await readdir(folder.path)).filter((name) => !name.startsWith('.'));
    expect(left.length).toBeLessThan(NAMES.length);
    expect(left).not.toContain(`usage.${PERIOD}.csv`);
    for (const name of left) expect(parseBill(await readFile(join(folder.path, name))).kind).toBe('bill');

    expect(await run(folder.path)).toMatchObject(FINE);
    const files = (await readdir(folder.path)).filter((name) => !name.startsWith('.'));
    expect(files.toSorted()).toEqual(FILES);
  });

  test('a disk that takes half of a bill leaves none, and the next run makes it', async () => {
    using folder = temporaryDirectory();
    // No file may be larger than 20 KiB: a bill has more.
    const limited = ['-c', 'ulimit -f 20; exec "$0" "$@"', process.execPath, '--conditions=source', PROGRAM];
    const env = { ...process.env, WAYBILL_URL: reader.url, WAYBILL_TOKEN: 'root', NODE_DISABLE_COMPILE_CACHE: '1' };
    const ended = await promisify(execFile)('bash', [...limited, PERIOD, folder.path], { env }).catch(
      (error: unknown) => error,
    );
    expect(ended).toBeInstanceOf(Error);
    expect((await readdir(folder.path)).filter((name) => !name.startsWith('.'))).toEqual([]);
    expect(await run(folder.path)).toMatchObject(FINE);
    expect((await readdir(folder.path)).filter((name) => !name.startsWith('.')).toSorted()).toEqual(FILES);
  });

  test('that is not over makes no file, and says so', async () => {
    using folder = temporaryDirectory();
    const { code, stderr } = await run(folder.path, { period: '2199-01' });
    expect({ code, stderr }).toEqual({ code: 75, stderr: expect.stringMatching(/^NOT_FINAL: .*\n$/) });
    expect(stderr).not.toContain('root');
    // Without a month it asks for none, rather than for one that somebody once wrote here.
    expect(await run(folder.path, { period: '' })).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^BAD_ARG/),
    });
    expect(await readdir(folder.path)).toEqual([]);
  });
});
