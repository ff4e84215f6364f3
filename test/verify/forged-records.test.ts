/**
 * Records of `_system`: what somebody can do who has the identity of the ledger's writer: every hash, link, total and
 * trailer is right. Each has to be found by comparison with AUDIT, over all chains and for the one organization alone.
 */
import { jetstreamManager } from '@nats-io/jetstream';
import { verifyLedger } from '@waybill/consumer';
import { type JsonObject, parseBlock, SYSTEM_CHAIN } from '@waybill/schema/internal';
import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { copyLedger, erased, forgeChain, unchanged } from '../support/ledger-builder.ts';
import {
  type Change,
  complaints,
  forge,
  HUGE,
  insert,
  isOf,
  LONELY,
  notChecked,
  useForgersLedger,
} from './forgers-ledger.ts';

const ledger = useForgersLedger();

async function lonelyMessage(): Promise<{ subject: string; payload: Uint8Array }> {
  const message = await (
    await jetstreamManager(ledger.nc)
  ).streams.getMessage(ledger.settings.auditStream, { seq: LONELY });
  if (!message) throw new Error('the message is not there');
  return { subject: message.subject, payload: message.data };
}

function hide(record: JsonObject, subject: string): Change {
  return (blocks) => {
    const left = forgeChain(blocks, 'acme', (entry) => (isOf(entry, LONELY) ? [] : [unchanged(entry)]));
    return insert(SYSTEM_CHAIN, LONELY, ({ core }) => ({
      received: core.received,
      source: { stream: ledger.settings.auditStream, seq: LONELY, subject },
      event: record,
      volume: { kind: 'none', bytes: null },
    }))(left);
  };
}

describe('an event that is hidden in _system, though it came once', () => {
  test.each(['duplicate', 'beyond_window', 'rejected', 'hold', 'erased', 'gap'])('as %s', async (kind) => {
    const { subject, payload } = await lonelyMessage();
    const kept = {
      subject,
      size: payload.length,
      sha256: createHash('sha256').update(payload).digest('hex'),
      payload: Buffer.from(payload).toString('base64'),
    };
    const repeated = { orgid: 'acme', producer: 'lonely', producerseq: '1' };
    const records: Record<string, JsonObject> = {
      duplicate: { kind, ...repeated, ...kept },
      beyond_window: { kind, ...repeated, ...kept },
      rejected: { kind, reason: 'not_json', detail: 'is not JSON', ...kept },
      hold: { kind, orgid: 'acme', held: true, by: 'me', reason: 'none', ...kept },
      gap: { kind, first: LONELY, last: LONELY },
      erased: { kind: 'duplicate', ...repeated, ...kept },
    };
    const record = records[kind] as JsonObject;
    const hidden = hide(record, kind === 'gap' ? '' : subject);
    const { all, one } = await ledger.verifyBoth((blocks) =>
      kind === 'erased'
        ? forgeChain(hidden(blocks), SYSTEM_CHAIN, (entry) => [isOf(entry, LONELY) ? erased(entry) : unchanged(entry)])
        : hidden(blocks),
    );
    for (const report of [all, one]) {
      expect(report.verdict).toBe('tampered');
      expect(report.audit.problems).toMatchObject([{ seq: LONELY, kind: 'misjudged', verdict: 'tampered' }]);
    }
  });

  test('a record of a message that is not what came: its payload, its subject', async () => {
    for (const change of [{ payload: 'AAAA' }, { subject: 'elsewhere' }, { size: 1 }, { sha256: 'f'.repeat(64) }]) {
      const { all, one } = await ledger.verifyBoth(
        forge(SYSTEM_CHAIN, (entry) => {
          const next = unchanged(entry);
          return [entry.event?.['kind'] === 'rejected' ? { ...next, event: { ...next.event, ...change } } : next];
        }),
      );
      for (const report of [all, one]) expect(report.verdict).toBe('tampered');
    }
  });

  test('an entry that says to be of another subject', async () => {
    const { all, one } = await ledger.verifyBoth(
      forge('acme', (entry) => [
        { ...unchanged(entry), source: { ...entry.core.source, subject: `${entry.core.source.subject}x` } },
      ]),
    );
    for (const report of [all, one]) expect(report.verdict).toBe('tampered');
  });
});

describe('an epoch', () => {
  const open = (first: number, created: string): Change => {
    const base = 1e12;
    const record = {
      kind: 'epoch',
      epoch: 1,
      stream: ledger.settings.auditStream,
      created,
      first,
      watermark: ledger.last,
    };
    return (blocks) =>
      insert(SYSTEM_CHAIN, base, ({ core }) => ({
        received: core.received,
        source: { stream: ledger.settings.auditStream, seq: base, subject: '' },
        event: record,
        volume: { kind: 'none', bytes: null },
      }))(blocks).map((block, i, all) => {
        if (i !== all.findLastIndex(({ orgid }) => orgid === SYSTEM_CHAIN)) return block;
        const { lines, trailer } = parseBlock(block.text);
        return {
          ...block,
          text: `${lines.join('\n')}\n${JSON.stringify({ ...trailer, watermark: base + first - 1 })}\n`,
        };
      });
  };
  const inflated = forge('acme', (entry) => {
    if (!isOf(entry, LONELY)) return [unchanged(entry)];
    const { event, ...rest } = unchanged(entry);
    const data = { ...(event['data'] as JsonObject), size_bytes: Number(HUGE) };
    return [{ ...rest, event: { ...event, data }, volume: { kind: 'upload', bytes: HUGE } }];
  });

  test('is none with a stream of our own, whatever it says', async () => {
    const { created } = await (await jetstreamManager(ledger.nc)).streams.info(ledger.settings.auditStream);
    for (const change of [open(ledger.last + 1, created), open(1, created), open(1, '2020-01-01T00:00:00Z')]) {
      const { all, one } = await ledger.verifyBoth((blocks) => change([...inflated(blocks)]));
      for (const report of [all, one]) {
        expect(report.verdict).toBe('tampered');
        expect(complaints(report)).toContain('WAYBILL_STREAM_MODE=bind');
        // And everything is compared all the same.
        expect(report.audit.problems).toMatchObject([{ seq: LONELY, kind: 'altered' }]);
      }
    }
  });

  test('of a stream of somebody else: what the stream still has of the one before is compared', async () => {
    const { created } = await (await jetstreamManager(ledger.nc)).streams.info(ledger.settings.auditStream);
    const change = open(ledger.last + 1, created);
    const honest = await copyLedger(ledger.nc, ledger.settings, change);
    expect(await verifyLedger(ledger.nc, honest, { bind: true, waitMs: 0 })).toMatchObject({
      verdict: 'ok',
      audit: { epoch: 1, earlier: 0, from: 1, to: ledger.last, compared: ledger.last + 2 },
    });
    const forged = await copyLedger(ledger.nc, ledger.settings, (blocks) => change([...inflated(blocks)]));
    for (const options of [{}, { orgid: 'acme' }]) {
      expect(await verifyLedger(ledger.nc, forged, { ...options, bind: true, waitMs: 0 })).toMatchObject({
        verdict: 'tampered',
        audit: { problems: [{ seq: LONELY, kind: 'altered' }] },
      });
    }
  });

  test('of a stream that is not there: nothing is compared, and nothing is ok', async () => {
    const copy = await copyLedger(ledger.nc, ledger.settings, open(1, '2020-01-01T00:00:00Z'));
    for (const options of [{}, { orgid: 'acme' }]) {
      const report = await verifyLedger(ledger.nc, copy, { ...options, bind: true, waitMs: 0 });
      expect(report).toMatchObject({ verdict: 'incomplete', audit: { compared: 0, behind: ledger.last } });
      expect(notChecked(report)).toContainEqual(expect.stringContaining('a stream that the ledger does not know'));
    }
  });
});
