/**
 * Entries: what somebody can do who has the identity of the ledger's writer: every hash, link, total and trailer is
 * right. Each has to be found by comparison with AUDIT, over all chains and for the one organization alone.
 */
import { jetstreamManager } from '@nats-io/jetstream';
import { startConsumer, verifyLedger } from '@waybill/consumer';
import { type JsonObject, parseBlock, SYSTEM_CHAIN } from '@waybill/schema/internal';
import { describe, expect, test } from 'vitest';
import { caughtUp } from '../support/check-ledger.ts';
import { type CopiedBlock, erased, forgeChain, unchanged } from '../support/ledger-builder.ts';
import { logger } from '../support/logger.ts';
import { artifactEvent, makeStreams, type MadeEvent, publishAll, uuid } from '../support/traffic.ts';
import { type Change, complaints, HUGE, insert, notChecked, useForgersLedger } from './forgers-ledger.ts';

const ledger = useForgersLedger();

const invented: JsonObject = {
  specversion: '1.0',
  id: '01997b3c-8a01-7000-8000-000000000001',
  source: '//forger',
  type: 'casartifact.downloaded',
  time: '2026-01-05T09:00:00.000Z',
  orgid: 'acme',
  data: { digest: `sha256:${'0'.repeat(64)}`, size_bytes: Number(HUGE) },
};

function inventedAt(seq: number, index?: number): Change {
  const subject = `${ledger.settings.auditPrefix}.casartifact.downloaded.acme`;
  return insert('acme', seq, ({ core }) => ({
    received: core.received,
    source: { stream: ledger.settings.auditStream, seq, ...(index !== undefined && { index }), subject },
    event: invented,
    volume: { kind: 'download', bytes: HUGE },
  }));
}

test('the ledger as the consumer wrote it, and as a forger writes it who changes nothing', async () => {
  const { all, one } = await ledger.verifyBoth((blocks) =>
    ['acme', 'bolt', SYSTEM_CHAIN].reduce<readonly CopiedBlock[]>(
      (left, orgid) => forgeChain(left, orgid, (entry) => [unchanged(entry)]),
      blocks,
    ),
  );
  expect(complaints(all).trim()).toBe('');
  expect(complaints(one).trim()).toBe('');
  expect(all).toMatchObject({ verdict: 'ok', audit: { compared: ledger.last + 2, behind: 0, problem_count: 0 } });
  expect(one).toMatchObject({ verdict: 'ok', audit: { compared: ledger.last - 6 + 2, behind: 0, problem_count: 0 } });
  expect(all.audit.checked).toContainEqual({ what: expect.stringContaining('recorded as repeated'), count: 1 });
  expect(one.audit.checked).toContainEqual({ what: expect.stringContaining('recorded as repeated'), count: 1 });
  expect(await verifyLedger(ledger.nc, ledger.settings, { orgid: SYSTEM_CHAIN })).toMatchObject({
    verdict: 'ok',
    audit: { compared: 3, not_checked: [{ what: expect.stringContaining('recorded as repeated'), count: 1 }] },
  });
});

describe('entries that no message stands behind', () => {
  test.each([
    ['an event of a message that holds one', () => inventedAt(1, 0), 'no such event'],
    ['an event after the ledger.last one of a message that holds several', () => inventedAt(9, 3), 'no such event'],
    ['a message of another organization', () => inventedAt(3), /already|no such event/],
    ['beyond the end of AUDIT', () => inventedAt(ledger.last + 5), 'it is of message 19 of'],
  ] as const)('%s', async (_name, change, wanted) => {
    const { all, one } = await ledger.verifyBoth(change());
    for (const report of [all, one]) {
      expect(report.verdict).toBe('tampered');
      expect(complaints(report)).toMatch(wanted);
    }
  });

  test('where a message was lost, it is incomplete, and the entry is named', async () => {
    const fresh = await makeStreams(ledger.nc);
    const event = (n: number) =>
      artifactEvent(fresh, {
        orgid: n % 2 === 0 ? 'acme' : 'bolt',
        kind: 'upload',
        bytes: n,
        attributes: { producer: 'boot', producerseq: String(Math.floor(n / 2) + 1) },
      });
    const events = Array.from({ length: 10 }, (_, n) => event(n));
    await publishAll(ledger.nc, [...events, { ...(events[2] as MadeEvent), id: uuid() }]);
    {
      await using _consumer = await startConsumer({ nc: ledger.nc, logger, ...fresh });
      await caughtUp(ledger.nc, fresh);
    }
    await (await jetstreamManager(ledger.nc)).streams.deleteMessage(fresh.auditStream, 3);
    for (const options of [{}, { orgid: 'acme' }]) {
      const report = await verifyLedger(ledger.nc, fresh, options);
      expect(report).toMatchObject({
        verdict: 'incomplete',
        audit: { problem_count: 1, problems: [{ seq: 3, kind: 'unbacked', verdict: 'incomplete' }] },
      });
      // What is recorded as repeated may be what was lost: nobody can say, and the report does.
      expect(notChecked(report)).toContainEqual(expect.stringMatching(/recorded as repeated.*: 1$/));
    }
  });
});

test('publishers in a trailer are re-derived, whatever was erased: what they hide is not new to an honest writer', async () => {
  const change: Change = (blocks) => {
    const left = forgeChain(blocks, 'acme', (entry) => [entry.core.seq === 1 ? erased(entry) : unchanged(entry)]);
    const at = left.findLastIndex(({ orgid }) => orgid === 'acme');
    return left.map((block, i) => {
      if (i !== at) return block;
      const { lines, trailer } = parseBlock(block.text);
      const boot = { last: 1_000, missing: [], floor: 0, seen: trailer.last };
      return {
        ...block,
        text: `${lines.join('\n')}\n${JSON.stringify({ ...trailer, producers: { ...trailer.producers, boot } })}\n`,
      };
    });
  };
  const { all, one } = await ledger.verifyBoth(change);
  for (const report of [all, one]) {
    expect(report.verdict).toBe('tampered');
    expect(complaints(report)).toContain('producers are not those of the entries');
  }
});
