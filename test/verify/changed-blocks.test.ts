/** What was changed in a stored block is found from the ledger alone. */
import { jetstreamManager } from '@nats-io/jetstream';
import { verifyLedger } from '@waybill/consumer';
import { parseBlock } from '@waybill/schema/internal';
import { describe, expect, test } from 'vitest';
import { type CopiedBlock, copyLedger } from '../support/ledger-builder.ts';
import { chainOf, useRealLedger } from './real-ledger.ts';

const real = useRealLedger();

describe('what was changed in a stored block is found', () => {
  const inBlock = (index: number, change: (text: string) => string) => (blocks: CopiedBlock[]) => {
    let seen = 0;
    return blocks.map((block) =>
      block.orgid === 'bolt' && seen++ === index ? { ...block, text: change(block.text) } : block,
    );
  };

  test('a digit in an event', async () => {
    let damaged = 0;
    const report = await real.verifyCopy(
      inBlock(1, (text) => {
        const { lines, trailer } = parseBlock(text);
        damaged = trailer.first + 1;
        const line = lines[1] as string;
        const bytes = /"size_bytes":(\d+)/.exec(line)?.[1] ?? '';
        return text.replace(line, line.replace(`"size_bytes":${bytes}`, `"size_bytes":${bytes}0`));
      }),
    );
    expect(report.verdict).toBe('tampered');
    expect(chainOf(report, 'bolt')).toMatchObject({
      verdict: 'tampered',
      problem: { seq: damaged, detail: 'event_hash is not the SHA-256 of event' },
    });
    expect(chainOf(report, 'acme')?.verdict).toBe('ok');
  });

  test.each([
    ['watermark', (n: number) => ({ watermark: n + 1_000_000 }), 'up to message 1000'],
    ['producers', () => ({ producers: {} }), 'producers are not those of the entries'],
    ['head', () => ({ head: 'f'.repeat(64) }), 'trailer.head is f'],
    ['first', (_: number, first: number) => ({ first: first + 1 }), 'trailer.first is'],
  ])('the %s in a trailer', async (_name, change, detail) => {
    const report = await real.verifyCopy(
      inBlock(1, (text) => {
        const { lines, trailer } = parseBlock(text);
        return `${lines.join('\n')}\n${JSON.stringify({ ...trailer, ...change(trailer.watermark, trailer.first) })}\n`;
      }),
    );
    expect(report.verdict).toBe('tampered');
    const details = [...report.chains.map(({ problem }) => problem?.detail ?? ''), ...report.ledger.problems];
    expect(details.join()).toContain(detail);
  });

  test('a block that is none, that is missing, doubled, or in another chain', async () => {
    const none = await real.verifyCopy(inBlock(1, () => 'nonsense'));
    expect(chainOf(none, 'bolt')).toMatchObject({
      verdict: 'tampered',
      problem: { detail: expect.stringContaining('of the stream is none') },
    });
    let seen = 0;
    const missing = await real.verifyCopy((blocks) => blocks.filter(({ orgid }) => orgid !== 'bolt' || seen++ !== 1));
    expect(chainOf(missing, 'bolt')).toMatchObject({
      verdict: 'tampered',
      problem: { detail: expect.stringMatching(/expected seq \d+, found \d+/) },
    });
    const doubled = await real.verifyCopy((blocks) =>
      blocks.flatMap((block) => (block.orgid === 'bolt' ? [block, block] : [block])),
    );
    expect(chainOf(doubled, 'bolt')?.verdict).toBe('tampered');
    const moved = await real.verifyCopy((blocks) =>
      blocks.map((block) => (block.orgid === 'acme' ? { ...block, orgid: 'corp' } : block)),
    );
    expect(chainOf(moved, 'corp')).toMatchObject({
      verdict: 'tampered',
      problem: { seq: 1, detail: expect.stringContaining('chain of acme') },
    });
  });

  test('a block removed from the stream itself', async () => {
    const copy = await copyLedger(real.nc, real.settings, (blocks) => blocks);
    const manager = await jetstreamManager(real.nc);
    const { state } = await manager.streams.info(copy.ledgerStream);
    await manager.streams.deleteMessage(copy.ledgerStream, state.last_seq - 1);
    const report = await verifyLedger(real.nc, copy, { waitMs: 0 });
    const hole = state.last_seq - 1;
    expect(report).toMatchObject({
      verdict: 'tampered',
      ledger: { problems: [`blocks ${hole} to ${hole} are missing in stream ${copy.ledgerStream}`] },
    });
  });
});
