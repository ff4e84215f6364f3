/** `waybill usage` with zones, periods, windows, positions and finality. */
import { beforeEach, expect, test } from 'vitest';
import { createLedgerBuilder } from '../support/ledger-builder.ts';
import { needsOwnServer, startNats } from '../support/nats.ts';
import { makeStreams } from '../support/traffic.ts';
import { environmentOf, waybill } from '../support/waybill.ts';

beforeEach(needsOwnServer);

async function ledger() {
  const server = await startNats();
  const nc = await server.connect();
  const settings = await makeStreams(nc);
  const builder = createLedgerBuilder(nc, settings);
  builder.append({ orgid: 'acme', bytes: 5, received: '2026-06-30T22:30:00.000Z' });
  builder.append({ orgid: 'bolt', bytes: 7, received: '2026-07-01T10:00:00.000Z' });
  builder.append({ orgid: 'acme', bytes: 9, received: '2026-07-31T22:00:00.000Z' });
  await builder.commit();
  const env = environmentOf(server.url, settings);
  return {
    builder,
    ask: (...args: string[]) => waybill(['usage', ...args], env),
    [Symbol.asyncDispose]: server[Symbol.asyncDispose],
  };
}

const HASH = '[0-9a-f]{64}';
const BERLIN = ['--period', '2026-07', '--zone', 'Europe/Berlin'];

test('a local month, and its windows, as a table', async () => {
  await using made = await ledger();
  const table = await made.ask('--org', 'acme', ...BERLIN);
  expect(table).toMatchObject({ code: 0, stderr: '' });
  const words = (text: string): string[][] =>
    text
      .trimEnd()
      .split('\n')
      .map((line) => line.split(/ {2,}/).slice(0, 4));
  expect(words(table.stdout)).toEqual([
    ['organization', 'events', 'uploads', 'bytes'],
    ['acme', '1', '1', '5'],
    [
      `received from 2026-06-30T22:00:00.000Z to 2026-07-31T22:00:00.000Z, Europe/Berlin by tz ${process.versions['tz']}, final`,
    ],
  ]);
  const span = ['--from', '2026-06-29', '--to', '2026-07-02T12:00', '--zone', 'Europe/Berlin'];
  const weeks = await made.ask('--all', ...span, '--step', 'week');
  expect(words(weeks.stdout).slice(0, -1)).toEqual([
    ['organization', 'week', 'events', 'uploads'],
    ['acme', '2026-W27 (part)', '1', '1'],
    ['acme', '(all)', '1', '1'],
    ['bolt', '2026-W27 (part)', '1', '1'],
    ['bolt', '(all)', '1', '1'],
    ['(sum)', '2', '2', '12'],
  ]);
});

test('CSV has a row for each window, with the columns of the API', async () => {
  await using made = await ledger();
  const { stdout } = await made.ask('--org', 'bolt,acme', ...BERLIN, '--step', 'month', '--format', 'csv');
  const [header, acme, bolt, ...rest] = stdout.split('\n');
  expect(header).toBe(
    'organization,from,to,zone,partial,uploads_bytes,uploads_count,uploads_unknown,downloads_bytes,downloads_count,' +
      'downloads_unknown,deduplicated_bytes,deduplicated_count,deduplicated_unknown,final,seq,hash',
  );
  const cells = '2026-06-30T22:00:00.000Z,2026-07-31T22:00:00.000Z,Europe/Berlin,false';
  expect(acme).toMatch(new RegExp(`^acme,${cells},5,1,0,0,0,0,0,0,0,true,1,${HASH}$`));
  expect(bolt).toMatch(new RegExp(`^bolt,${cells},7,1,0,0,0,0,0,0,0,true,1,${HASH}$`));
  expect(rest).toEqual(['']);
  const plain = await made.ask('--org', 'acme', '--period', '2026-07', '--format', 'csv');
  expect(plain.stdout.split('\n')[0]).toBe(header);
  const whole = await made.ask('--org', 'acme', ...BERLIN, '--format', 'csv');
  expect(whole.stdout.split('\n').slice(0, 2)).toEqual([header, acme]);
});

test('--require-final prints nothing and says why; --wait waits', async () => {
  await using made = await ledger();
  const tomorrow = new Date(Date.now() + 86_400_000).toISOString();
  const early = await made.ask('--org', 'acme', '--to', tomorrow, '--require-final');
  expect(early).toMatchObject({ code: 75, stdout: '' });
  expect(early.stderr).toMatch(/^waybill: no final answer: .* is not past yet by the clock of the server \(.*\n$/);
  const json = await made.ask('--all', '--require-final', '--json');
  expect(json).toMatchObject({ code: 75, stdout: '' });
  expect(JSON.parse(json.stderr)).toMatchObject({ error: { code: 'NOT_FINAL' } });
  expect(await made.ask('--all', ...BERLIN, '--require-final')).toMatchObject({ code: 0, stderr: '' });
  const soon = new Date(Date.now() + 1_000).toISOString();
  const waited = await made.ask('--org', 'acme', '--to', soon, '--require-final', '--wait', '60', '--json');
  expect(waited).toMatchObject({ code: 0, stderr: '' });
  expect(JSON.parse(waited.stdout)).toMatchObject({ final: true, to: soon });
  expect(await made.ask('--org', 'acme', '--wait', '1')).toMatchObject({ code: 64, stdout: '' });
});

test('--as-of repeats an answer', async () => {
  await using made = await ledger();
  const first = await made.ask('--all', '--json');
  const { as_of } = JSON.parse(first.stdout) as { as_of: string };
  made.builder.append({ orgid: 'acme', bytes: 1, received: '2026-08-02T00:00:00.000Z' });
  made.builder.append({ orgid: 'late', bytes: 1, received: '2026-08-02T00:00:00.000Z' });
  await made.builder.commit();
  expect((await made.ask('--all', '--json')).stdout).not.toBe(first.stdout);
  expect((await made.ask('--all', '--json', '--as-of', as_of)).stdout).toBe(first.stdout);
  const month = await made.ask('--org', 'acme', ...BERLIN, '--json');
  const { as_of: head } = JSON.parse(month.stdout) as { as_of: string };
  expect(head).toMatch(new RegExp(`^1:${HASH}$`));
  expect((await made.ask('--org', 'acme', ...BERLIN, '--json', '--as-of', head)).stdout).toBe(month.stdout);
  const other = await made.ask('--org', 'bolt', ...BERLIN, '--as-of', head);
  expect(other).toMatchObject({ code: 64, stdout: '' });
  expect(other.stderr).toContain(`asOf is ${head}, and the answer is as of`);
});

test('several organizations: those without a chain are named, and are an error with --must-exist', async () => {
  await using made = await ledger();
  const some = await made.ask('--org', 'acme,ACME,bolt', '--json');
  expect((JSON.parse(some.stdout) as { organizations: { orgid: string }[] }).organizations.map((o) => o.orgid)).toEqual(
    ['acme', 'bolt'],
  );
  expect(some.stderr).toBe('waybill: there is no chain of ACME; there is one of acme\n');
  expect(await made.ask('--org', 'acme,other', '--must-exist')).toMatchObject({ code: 66, stdout: '' });
  expect(await made.ask('--org', 'acme,', '--json')).toMatchObject({ code: 64, stdout: '' });
});

test.each([
  [['--period', '2026-7'], 'period is "2026-7": expected a month, year, week or day'],
  [['--step', 'minute', '--period', '2026-07'], '--step is "minute": expected one of hour, day, week, month'],
  [['--zone', 'Berlin'], 'zone is "Berlin": expected a time zone of the IANA database'],
  [['--tz', 'UTC'], '--tz: did you mean --zone?'],
])('usage %s', async (args, said) => {
  await using made = await ledger();
  const found = await made.ask('--org', 'acme', ...args);
  expect(found).toMatchObject({ code: 64, stdout: '', stderr: expect.stringContaining(said) });
});
