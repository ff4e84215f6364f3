/** Pushing usage to servers that do what the documents of OpenMeter, Lago and Stripe say. */
import { readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { startLago, startStripe } from '../support/metering-engines.ts';
import { startNats } from '../support/nats.ts';
import {
  CUSTOMERS,
  daysAgo,
  KEYS,
  NAMES,
  pushArguments,
  pushedMonth,
  pushEnvironment,
  start,
} from '../support/pushed-month.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { environmentOf, waybill } from '../support/waybill.ts';

const UPLOADS = 'waybill_upload_bytes';

function linesOf(file: string): Record<string, string>[] {
  return readFileSync(file, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, string>);
}

describe.each(NAMES)('waybill push %s', (name) => {
  test('the engine has exactly the usage, each value within its window, also when it is done twice', async () => {
    await using server = await startNats();
    await using engine = await start(name);
    using folder = temporaryDirectory();
    const month = await pushedMonth(await server.connect());
    const args = pushArguments(name, month, { folder: folder.path, url: engine.url });
    const env = pushEnvironment(name, server.url, month.settings);
    const first = await waybill(args, env);
    expect(first).toMatchObject({ code: 0, stderr: '' });
    expect(first.stdout).toContain(`${name}: 6 values sent, 0 found there already, 0 pushed before`);
    for (const orgid of ['acme', 'beta'] as const)
      expect(engine.sum(CUSTOMERS[orgid], UPLOADS), orgid).toBe(month.bytes[orgid]);
    const again = JSON.parse((await waybill([...args, '--json'], env)).stdout) as {
      before: number;
      values: { id: string; at: string; from: string; to: string; value: string; state: string }[];
    };
    expect(again).toMatchObject({ sent: 0, found: 0, before: 6 });
    for (const { id, at, from, to, value } of again.values) {
      expect(engine.counted).toContainEqual(expect.objectContaining({ id, value, at: Date.parse(at) }));
      expect(at >= from && at < to).toBe(true);
    }
    expect(engine.counted).toHaveLength(6);
    const journal = join(folder.path, 'journal');
    expect(statSync(journal).mode & 0o777).toBe(0o600);
    const text = readFileSync(journal, 'utf8');
    expect(linesOf(journal).map(({ kind }) => kind)).toHaveLength(13);
    expect(text).not.toContain(KEYS[name]);
  });

  test('without its journal, the engine is asked, and what it has is not sent again, days later either', async () => {
    await using server = await startNats();
    await using engine = await start(name);
    const month = await pushedMonth(await server.connect());
    const env = pushEnvironment(name, server.url, month.settings);
    for (const [days, sent] of [
      [0, 6],
      [2, 0],
    ] as const) {
      using folder = temporaryDirectory();
      engine.now = () => Date.now() + days * 86_400_000;
      const args = pushArguments(name, month, { folder: folder.path, url: engine.url });
      const { stdout, stderr } = await waybill([...args, '--json'], env);
      expect(stderr).toBe('');
      expect(JSON.parse(stdout)).toMatchObject({ sent, found: 6 - sent, before: 0 });
    }
    expect(engine.sum(CUSTOMERS.acme, UPLOADS)).toBe(month.bytes.acme);
  });

  test('other windows over the same time are refused, and so are another customer and meter', async () => {
    await using server = await startNats();
    await using engine = await start(name);
    using folder = temporaryDirectory();
    const month = await pushedMonth(await server.connect());
    const env = pushEnvironment(name, server.url, month.settings);
    const args = pushArguments(name, month, { folder: folder.path, url: engine.url });
    await waybill(args, env);
    const requests = engine.requests.length;
    for (const [more, says] of [
      [['--step', 'month'], 'another window over the same time'],
      [['--zone', 'Europe/Berlin'], 'another window over the same time'],
      [['--meter', 'upload_bytes=other'], `meter ${UPLOADS}`],
    ] as const) {
      const refused = await waybill([...args, ...more], env);
      expect(refused, more.join(' ')).toMatchObject({ code: 73, stderr: expect.stringContaining(says) });
    }
    writeFileSync(join(folder.path, 'customers.json'), JSON.stringify({ ...CUSTOMERS, acme: 'cus_other' }));
    expect(await waybill(args, env)).toMatchObject({ code: 73, stderr: expect.stringContaining('cus_acme') });
    expect(engine.requests).toHaveLength(requests);
  });

  test('one value that the engine refuses does not keep the others away, and can be mended', async () => {
    await using server = await startNats();
    await using engine = await start(name);
    using folder = temporaryDirectory();
    const month = await pushedMonth(await server.connect());
    const env = pushEnvironment(name, server.url, month.settings);
    const args = pushArguments(name, month, { folder: folder.path, url: engine.url });
    const file = join(folder.path, 'customers.json');
    writeFileSync(file, JSON.stringify({ acme: CUSTOMERS.acme, beta: name === 'stripe' ? 'cus_wrong' : 'wrong' }));
    const refused = await waybill(args, env);
    expect(refused).toMatchObject({
      code: 76,
      stdout: '',
      stderr: expect.stringMatching(/upload_bytes of beta .*wrong/),
    });
    expect(engine.sum(CUSTOMERS.acme, UPLOADS)).toBe(month.bytes.acme);
    writeFileSync(file, JSON.stringify(CUSTOMERS));
    expect(await waybill(args, env)).toMatchObject({ code: 0, stdout: expect.stringContaining('2 values sent') });
    for (const orgid of ['acme', 'beta'] as const)
      expect(engine.sum(CUSTOMERS[orgid], UPLOADS)).toBe(month.bytes[orgid]);
  });

  test('an answer that is not the engine’s, such as the page of a proxy, confirms nothing', async () => {
    await using server = await startNats();
    await using engine = await start(name);
    using folder = temporaryDirectory();
    const month = await pushedMonth(await server.connect());
    const env = pushEnvironment(name, server.url, month.settings);
    const args = pushArguments(name, month, { folder: folder.path, url: engine.url });
    engine.onRequest = ({ method }) => (method === 'POST' ? { status: 200, body: 'please sign in' } : 'answer');
    const refused = await waybill(args, env);
    expect(refused).toMatchObject({ code: 76, stderr: expect.stringContaining('200 is no answer of this API') });
    engine.onRequest = () => 'answer';
    expect(await waybill(args, env)).toMatchObject({ code: 0, stdout: expect.stringContaining('6 values sent') });
    for (const orgid of ['acme', 'beta'] as const)
      expect(engine.sum(CUSTOMERS[orgid], UPLOADS)).toBe(month.bytes[orgid]);
  });

  test('--dry-run prints what would be sent, and neither sends nor writes', async () => {
    await using server = await startNats();
    await using engine = await start(name);
    using folder = temporaryDirectory();
    const month = await pushedMonth(await server.connect());
    const all = pushArguments(name, month, { folder: folder.path, url: engine.url });
    const args = all.filter((_, index) => ![all.indexOf('--journal'), all.indexOf('--journal') + 1].includes(index));
    const { stdout, code } = await waybill([...args, '--dry-run'], environmentOf(server.url, month.settings));
    expect(code).toBe(0);
    const lines = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, string>);
    const acme = lines.filter(({ orgid }) => orgid === 'acme');
    expect(acme.reduce((sum, { value = '' }) => sum + BigInt(value), 0n)).toBe(month.bytes.acme);
    expect(JSON.stringify(acme[0]?.['body'])).toContain(acme[0]?.['id']);
    expect(engine.requests).toEqual([]);
    expect(folder.files()).toEqual(['customers.json']);
  });

  test('what is not final yet is not pushed; a wrong key and a passing fault are told apart', async () => {
    await using server = await startNats();
    await using engine = await start(name);
    using folder = temporaryDirectory();
    const month = await pushedMonth(await server.connect());
    const env = pushEnvironment(name, server.url, month.settings);
    const args = pushArguments(name, month, { folder: folder.path, url: engine.url });
    const future = args.map((one) => (one === month.to ? daysAgo(-2) : one));
    expect(await waybill(future, env)).toMatchObject({ code: 75, stdout: '' });
    expect(engine.requests).toEqual([]);
    const wrong = { ...env, WAYBILL_PUSH_KEY: `${KEYS[name]}x` };
    const refused = await waybill(args, wrong);
    expect(refused).toMatchObject({ code: 76, stderr: expect.stringContaining('key is not accepted') });
    expect(refused.stderr).not.toContain(KEYS[name]);
    let failed = 0;
    engine.onRequest = () => {
      const fates = [{ status: 429, headers: { 'retry-after': '0' } }, { status: 503 }, 'lose request'] as const;
      return fates[failed++] ?? 'answer';
    };
    expect(await waybill(args, env)).toMatchObject({ code: 0, stderr: '' });
    expect(failed).toBeGreaterThan(3);
    expect(engine.sum(CUSTOMERS.acme, UPLOADS)).toBe(month.bytes.acme);
  });
});

describe('Stripe', () => {
  test('an identifier that it has for another customer is not taken for the value of this one', async () => {
    await using server = await startNats();
    await using engine = await startStripe();
    using folder = temporaryDirectory();
    const month = await pushedMonth(await server.connect());
    const env = pushEnvironment('stripe', server.url, month.settings);
    const args = pushArguments('stripe', month, { folder: folder.path, url: engine.url });
    expect(await waybill(args, env)).toMatchObject({ code: 0 });
    // The journal is lost, and the organization has another customer now.
    rmSync(join(folder.path, 'journal'));
    writeFileSync(join(folder.path, 'customers.json'), JSON.stringify({ ...CUSTOMERS, acme: 'cus_other' }));
    for (const _ of [1, 2])
      expect(await waybill(args, env)).toMatchObject({
        code: 69,
        stderr: expect.stringContaining('Stripe has its identifier already, and does not tell of it at this customer'),
      });
    expect(engine.sum('cus_other', UPLOADS)).toBe(0n);
  });

  test('35 days: older windows are refused before anything is sent', async () => {
    await using server = await startNats();
    await using engine = await startStripe();
    using folder = temporaryDirectory();
    const month = await pushedMonth(await server.connect(), 37);
    const args = pushArguments('stripe', month, { folder: folder.path, url: engine.url });
    const refused = await waybill(args, pushEnvironment('stripe', server.url, month.settings));
    expect(refused).toMatchObject({ code: 76, stderr: expect.stringContaining('35 days back') });
    expect(engine.requests).toEqual([]);
  });

  test('a window with another sum is refused before anything is sent', async () => {
    await using server = await startNats();
    await using engine = await startStripe();
    using folder = temporaryDirectory();
    const month = await pushedMonth(await server.connect());
    const at = Date.parse(month.from) + 60_000;
    engine.counted.push({ id: 'x', name: UPLOADS, customer: CUSTOMERS.acme, value: '5', at });
    const args = pushArguments('stripe', month, { folder: folder.path, url: engine.url });
    const refused = await waybill(args, pushEnvironment('stripe', server.url, month.settings));
    expect(refused).toMatchObject({ code: 73, stderr: expect.stringContaining('the engine has a sum of 5 there') });
    expect(engine.requests.filter((one) => one.startsWith('POST'))).toEqual([]);
  });

  test.each([
    [{ event_name: 'other' }, 'no active meter whose event_name is waybill_upload_bytes'],
    [{ event_name: UPLOADS, default_aggregation: { formula: 'count' } }, 'has the formula "count"'],
    [{ event_name: UPLOADS, event_time_window: 'day' }, 'is pre-aggregated by "day"'],
  ])('a meter that would not add up: %j', async (meter, says) => {
    await using server = await startNats();
    await using engine = await startStripe({ meters: [meter, { event_name: 'waybill_download_bytes' }] });
    using folder = temporaryDirectory();
    const month = await pushedMonth(await server.connect());
    const args = pushArguments('stripe', month, { folder: folder.path, url: engine.url });
    const refused = await waybill(args, pushEnvironment('stripe', server.url, month.settings));
    expect(refused).toMatchObject({ code: 76, stderr: expect.stringContaining(says) });
    expect(engine.requests.filter((one) => one.startsWith('POST'))).toEqual([]);
  });
});

test("Lago's ClickHouse store replaces an event of the same id and time", async () => {
  await using server = await startNats();
  await using engine = await startLago('clickhouse');
  const month = await pushedMonth(await server.connect());
  for (const _ of [1, 2]) {
    using folder = temporaryDirectory();
    const args = pushArguments('lago', month, { folder: folder.path, url: engine.url });
    expect(await waybill(args, pushEnvironment('lago', server.url, month.settings))).toMatchObject({ code: 0 });
  }
  expect(engine.sum(CUSTOMERS.acme, UPLOADS)).toBe(month.bytes.acme);
});

test('says what is wrong with a call', async () => {
  using folder = temporaryDirectory();
  let files = 0;
  const customers = (text: string): string[] => {
    const file = join(folder.path, `${++files}.json`);
    writeFileSync(file, text);
    return ['--customers', file];
  };
  const base = ['push', 'lago', '--all', '--period', '2025-11', '--dry-run'];
  const mistakes: [string[], number, string][] = [
    [['push'], 64, 'needs one ENGINE, and none is given'],
    [['push', 'lago', 'stripe'], 64, 'lago and stripe are given'],
    [['push', 'strype', '--all'], 64, 'expected one of openmeter, lago, stripe'],
    [['push', 'lago', '--all', '--period', '2025-11'], 64, '--journal FILE or --dry-run'],
    [['push', 'lago', '--all', '--api-key', 'x'], 64, 'WAYBILL_PUSH_KEY_FILE'],
    [[...base, '--meter', 'uploads_bytes'], 64, 'did you mean upload_bytes?'],
    [[...base, '--meter', 'upload_bytes=a b'], 64, 'as the name'],
    [[...base, '--meter', 'events=x', '--meter', 'upload_bytes=x'], 64, 'it would add them up'],
    [[...base, '--meter', 'events=x', '--meter', 'events=y'], 64, 'names events twice'],
    [[...base, ...customers('{"a":"x","b":"x"}')], 64, 'a and b are both x'],
    [[...base, ...customers('{"a":7}')], 64, "expected the engine's id of it"],
    [[...base, ...customers('[')], 64, '--customers'],
    [[...base, ...customers('{"a":"x","a":"y"}')], 64, 'has the member "a" twice'],
    [[...base, '--url', 'http://api.example'], 64, '--url: "http://api.example" is not https'],
    [['push', 'stripe', '--all', '--period', '2025-11', '--dry-run'], 64, 'Stripe needs the id (cus_…)'],
    [[...base, '--customers', join(folder.path, 'none')], 66, 'none'],
  ];
  for (const [args, code, says] of mistakes)
    expect(await waybill(args), args.join(' ')).toMatchObject({ code, stderr: expect.stringContaining(says) });
});
