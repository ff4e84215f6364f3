/** Reading a chain: from any entry, as a file that verifies, and on as it grows. */
import { replay, type ReplayOptions, verifyLines } from '@waybill/consumer';
import { parseEntry } from '@waybill/schema/internal';
import { expect, test } from 'vitest';
import { artifactEvent, makeStreams, publishAll } from '../support/traffic.ts';
import { chain, traffic, useRealLedger } from './real-ledger.ts';

const real = useRealLedger();

test('gives the entries as they are stored, from any of them, and they verify as a file', async () => {
  const all = await real.lines('bolt');
  expect(all.map((line) => parseEntry(line).core.seq)).toEqual(Array.from({ length: 60 }, (_, i) => i + 1));
  for (const fromSeq of [2, 13, 60]) expect(await real.lines('bolt', { fromSeq })).toEqual(all.slice(fromSeq - 1));
  expect(await real.lines('bolt', { fromSeq: 61 })).toEqual([]);
  expect(await real.lines('nobody')).toEqual([]);
  async function* file(text: string): AsyncGenerator<Uint8Array> {
    const bytes = new TextEncoder().encode(text);
    for (let i = 0; i < bytes.length; i += 1000) yield bytes.subarray(i, i + 1000);
  }
  expect(await verifyLines(file(`${all.join('\n')}\n`), { orgid: 'bolt' })).toMatchObject({
    verdict: 'ok',
    entries: 60,
  });
  expect(await verifyLines(file('hello\n'))).toMatchObject({ verdict: 'unreadable' });
});

test('gives the entries up to a number, and those received in a half-open time', async () => {
  const all = await real.lines('bolt');
  for (const [fromSeq, toSeq] of [
    [1, 1],
    [1, 60],
    [7, 16],
    [16, 17],
    [17, 17],
    [60, 60],
    [33, 70],
  ] as const)
    expect(await real.lines('bolt', { fromSeq, toSeq })).toEqual(all.slice(fromSeq - 1, toSeq));
  expect(await real.lines('bolt', { fromSeq: 61, toSeq: 70 })).toEqual([]);
  const received = all.map((line) => parseEntry(line).core.received);
  const within = (from: string, to: string): string[] =>
    all.filter((_, i) => (received[i] as string) >= from && (received[i] as string) < to);
  for (const [i, j] of [
    [0, 59],
    [5, 40],
    [15, 16],
    [31, 33],
  ] as const) {
    const [from, to] = [received[i] as string, received[j] as string];
    expect(await real.lines('bolt', { from })).toEqual(within(from, '9'));
    expect(await real.lines('bolt', { to })).toEqual(within('', to));
    expect(from < to ? await real.lines('bolt', { from, to }) : []).toEqual(within(from, to));
    expect(await real.lines('bolt', { from, toSeq: 50 })).toEqual(
      within(from, '9').filter((line) => all.indexOf(line) < 50),
    );
  }
  expect(await real.lines('bolt', { from: '9999-01-01' })).toEqual([]);
  expect(await real.lines('bolt', { to: '2000-01-01' })).toEqual([]);
});

test.each<[Partial<ReplayOptions>, string]>([
  [{ toSeq: 0 }, 'toSeq is 0: expected a whole number from 1'],
  [{ fromSeq: 5, toSeq: 4 }, 'toSeq is 4, which is before fromSeq 5'],
  [{ from: 'yesterday' }, 'from is "yesterday": expected RFC 3339'],
  [{ from: '2026-01-02', to: '2026-01-02' }, 'to is 2026-01-02T00:00:00.000Z, which is not after from 2026-01-02'],
])('refuses the slice %j', async (slice, said) => {
  await expect(real.lines('bolt', slice)).rejects.toThrow(said);
});

test('a replay that follows ends at its last entry', async () => {
  const all = await real.lines('bolt');
  expect(await real.lines('bolt', { toSeq: 20, follow: true })).toEqual(all.slice(0, 20));
  expect(await real.lines('bolt', { to: '2000-01-01', follow: true })).toEqual([]);
});

test('goes on with new entries when it follows, until it is stopped', async () => {
  const fresh = await makeStreams(real.nc);
  await publishAll(real.nc, traffic(fresh, 6));
  await chain(real.nc, fresh);
  const stop = new AbortController();
  const seen: number[] = [];
  for await (const batch of replay(real.nc, fresh, { orgid: 'bolt', follow: true, signal: stop.signal })) {
    for (const line of batch) seen.push(parseEntry(line).core.seq);
    if (seen.length === 4) {
      await publishAll(real.nc, [artifactEvent(fresh, { orgid: 'bolt', kind: 'upload', bytes: 1 })]);
      await chain(real.nc, fresh);
    }
    if (seen.length === 5) stop.abort();
  }
  expect(seen).toEqual([1, 2, 3, 4, 5]);
});
