/** One message with a time a year ahead: a chain's times never go back, so it shifts all that comes after it. */
import { usage, usageOfAll, type UsageNotice, type UsageQuery } from '@waybill/consumer';
import { beforeEach, expect, test } from 'vitest';
import { httpOf, samplesOf, statusOf } from '../support/http.ts';
import { createLedgerBuilder } from '../support/ledger-builder.ts';
import { needsOwnServer, startNats } from '../support/nats.ts';
import { artifactEvent, makeStreams, publishAll } from '../support/traffic.ts';
import { until } from '../support/until.ts';
import { environmentOf, serve, waybill } from '../support/waybill.ts';

beforeEach(needsOwnServer);

const HOUR_MS = 3_600_000;
const YEAR_SECONDS = 365 * 86_400;

test('usage says so, for a boundary whose next entry is ahead, and for no other', async () => {
  await using server = await startNats();
  const nc = await server.connect();
  const settings = await makeStreams(nc);
  const builder = createLedgerBuilder(nc, settings);
  const now = Date.now();
  const at = (ms: number): string => new Date(now + ms).toISOString();
  const ahead = at(YEAR_SECONDS * 1000);
  builder.append({ orgid: 'acme', bytes: 1, received: at(-3 * HOUR_MS) });
  builder.append({ orgid: 'beta', bytes: 1, received: at(-3 * HOUR_MS) });
  await builder.commit();
  for (const [cut, entries] of [
    ['the jump is in the block of the boundary', [at(-2 * HOUR_MS), ahead]],
    ['it begins a block', []],
  ] as const) {
    for (const received of entries) builder.append({ orgid: 'acme', bytes: 1, received });
    builder.append({ orgid: cut.replaceAll(' ', '-'), bytes: 1, received: ahead });
    await builder.commit();
  }
  // Received now, as the chain has it a year later.
  expect(builder.append({ orgid: 'acme', bytes: 1, received: at(-1000) })).toBe(ahead);
  builder.append({ orgid: 'beta', bytes: 1, received: at(-1000) });
  await builder.commit();

  const to = at(0);
  const ask = async (query: Partial<UsageQuery> & { orgid: string }) => {
    const notices: UsageNotice[] = [];
    const answer = await usage(nc, settings, { ...query, onNotice: (notice) => notices.push(notice) });
    const told = notices.flatMap((notice) => (notice.kind === 'clock_ahead' ? [notice.received] : []));
    return { answer, told };
  };
  // A final answer must be the same when no clock is ahead any more: only a notice tells it.
  const final = await ask({ orgid: 'acme', to });
  expect(final).toMatchObject({ answer: { final: true, events: '2' }, told: [ahead] });
  expect(final.answer).not.toHaveProperty('clock_ahead');
  const open = await ask({ orgid: 'acme', from: to });
  expect(open).toMatchObject({ answer: { final: false, events: '2', clock_ahead: ahead }, told: [ahead] });
  expect((await ask({ orgid: 'acme', from: to, asOf: open.answer.as_of })).answer).toEqual(open.answer);
  expect(await ask({ orgid: 'it-begins-a-block', to })).toMatchObject({ answer: { events: '0' }, told: [ahead] });
  for (const window of [{}, { to }, { from: at(-4 * HOUR_MS), to }]) {
    expect((await ask({ orgid: 'beta', ...window })).told).toEqual([]);
  }
  // Before the jump there is nothing to be doubted.
  expect((await ask({ orgid: 'acme', to: at(-2.5 * HOUR_MS) })).told).toEqual([]);
  expect(await usageOfAll(nc, settings, { from: to })).toMatchObject({ final: false, clock_ahead: ahead });

  const environment = environmentOf(server.url, settings);
  const table = await waybill(['usage', '--all', '--to', to], environment);
  expect(table.stderr).toContain('clock ahead: the chain of acme');
  expect(table.stderr).toContain(ahead);
  const json = await waybill(['usage', '--org', 'acme', '--to', to, '--json'], environment);
  expect(json.stderr).toContain('clock ahead: the chain of acme');
  const csv = await waybill(['usage', '--all', '--from', to, '--format', 'csv'], environment);
  expect(csv.stderr).toContain('clock ahead: the chain of acme');
});

test('serve says so in /status and /metrics', async () => {
  await using server = await startNats();
  const nc = await server.connect();
  const settings = await makeStreams(nc);
  const builder = createLedgerBuilder(nc, settings);
  // The ledger has the first message, with a time at which it was not stored; the second comes after it in the chain.
  const events = [1, 2].map((bytes) => artifactEvent(settings, { orgid: 'acme', kind: 'upload', bytes }));
  await publishAll(nc, events);
  builder.append({ orgid: 'acme', bytes: 1, received: new Date(Date.now() + YEAR_SECONDS * 1000).toISOString() });
  await builder.commit(1);
  await using serving = serve({
    ...environmentOf(server.url, settings),
    // Else the first message would be compared with what the ledger says of it.
    WAYBILL_STREAM_MODE: 'bind',
    WAYBILL_HTTP_PORT: '0',
  });
  const url = await httpOf(serving);
  await until('the second message to be chained', async () => Number((await statusOf(url))['watermark']) === 2);
  const status = await statusOf(url);
  expect(status['clockAheadSeconds']).toBeGreaterThan(YEAR_SECONDS / 2);
  expect(Date.parse(String(status['latestReceived']))).toBeGreaterThan(Date.now());
  expect((await samplesOf(url)).get('waybill_clock_ahead_seconds')).toBeGreaterThan(YEAR_SECONDS / 2);
});
