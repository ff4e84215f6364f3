/** Reading a chain: from any entry, as a file that verifies, and on as it grows. */
import { replay, verifyLines } from '@waybill/consumer';
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
