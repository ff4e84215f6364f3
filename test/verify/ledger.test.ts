/** Verification of a ledger that nobody touched: all of it, one organization, and from any entry. */
import { verifyLedger } from '@waybill/consumer';
import { SYSTEM_CHAIN } from '@waybill/schema/internal';
import { expect, test } from 'vitest';
import { artifactEvent, makeStreams, publishAll } from '../support/traffic.ts';
import { chain, chainOf, useRealLedger } from './real-ledger.ts';

const real = useRealLedger();

test('a ledger as the consumer wrote it', async () => {
  const report = await verifyLedger(real.nc, real.settings);
  expect(report).toMatchObject({
    verdict: 'ok',
    ledger: { entries: 91, watermark: 91, problems: [] },
    audit: { from: 1, to: 91, compared: 91, behind: 0, problems: [], problem_count: 0 },
  });
  expect(report.chains.map(({ orgid, entries }) => [orgid, entries])).toEqual([
    ['acme', 30],
    ['bolt', 60],
    [SYSTEM_CHAIN, 1],
  ]);
  expect((await real.verifyCopy((blocks) => blocks)).verdict).toBe('ok');
});

test('one organization, from the start and from any entry', async () => {
  for (const fromSeq of [1, 2, 17, 30]) {
    const report = await verifyLedger(real.nc, real.settings, { orgid: 'acme', fromSeq });
    expect(report, `from ${fromSeq}`).toMatchObject({
      verdict: 'ok',
      audit: { compared: fromSeq === 1 ? 30 : 30 - fromSeq, behind: 0 },
    });
    expect(chainOf(report, 'acme')).toMatchObject({ first: { seq: fromSeq }, last: { seq: 30 } });
    expect(chainOf(report, 'bolt')).toBeUndefined();
  }
  const unknown = await verifyLedger(real.nc, real.settings, { orgid: 'nobody' });
  expect(unknown).toMatchObject({
    verdict: 'unreadable',
    chains: [{ problem: { detail: 'there is no entry' } }, { verdict: 'ok' }],
  });
});

test('one organization, when others sent what is no event on subjects that end like its own', async () => {
  const own = await makeStreams(real.nc);
  const { payload } = artifactEvent(own, { orgid: 'acme', kind: 'upload', bytes: 1 });
  const ends = ['a.b.c.acme', 'acme', 'a.acme', 'A.B.acme', 'casartifact.uploaded.acme', 'casartifact.batch.acme'];
  const events = ends.flatMap((end) => [payload, '[1,[]]'].map((text) => ({ end, text })));
  await publishAll(
    real.nc,
    events.map(({ end, text }, i) => ({ subject: `${own.auditPrefix}.${end}`, payload: text, id: String(i) })),
  );
  await chain(real.nc, own);
  expect(await verifyLedger(real.nc, own)).toMatchObject({ verdict: 'ok' });
  for (const orgid of ['acme', SYSTEM_CHAIN])
    expect(await verifyLedger(real.nc, own, { orgid })).toMatchObject({ verdict: 'ok', audit: { problems: [] } });
});

test('one organization, from an entry that it does not have', async () => {
  for (const fromSeq of [31, 1_000]) {
    const report = await verifyLedger(real.nc, real.settings, { orgid: 'acme', fromSeq });
    expect(report).toMatchObject({ verdict: 'unreadable', audit: { compared: 0, problems: [] } });
    expect(chainOf(report, 'acme')).toMatchObject({ problem: { detail: 'there is no entry' } });
  }
  const expected = new Map([['acme', [{ seq: 31, hash: '0'.repeat(64) }]]]);
  expect(await verifyLedger(real.nc, real.settings, { orgid: 'acme', fromSeq: 31, expect: expected })).toMatchObject({
    verdict: 'truncated',
  });
});
