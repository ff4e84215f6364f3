/**
 * Erased events: what somebody can do who has the identity of the ledger's writer: every hash, link, total and trailer
 * is right. Each has to be found by comparison with AUDIT, over all chains and for the one organization alone.
 */
import { jetstreamManager } from '@nats-io/jetstream';
import { type Settings, startConsumer } from '@waybill/consumer';
import { describe, expect, test } from 'vitest';
import { caughtUp } from '../support/check-ledger.ts';
import { type CopiedBlock, erased, type ForgedEntry, forgeChain, unchanged } from '../support/ledger-builder.ts';
import { logger } from '../support/logger.ts';
import { artifactEvent, type ArtifactFields, digestOf, makeStreams, publishAll, uuid } from '../support/traffic.ts';
import { type Change, complaints, forge, HUGE, isOf, LONELY, notChecked, useForgersLedger } from './forgers-ledger.ts';

const ledger = useForgersLedger();

describe('an event that is chained as erased, while AUDIT has its message', () => {
  const erase = (seq: number, change: Partial<ForgedEntry> = {}, index?: number): Change =>
    forge('acme', (entry) => (isOf(entry, seq, index) ? [{ ...erased(entry), ...change }] : [unchanged(entry)]));

  test('as it was: its volume, its origin and its hash are those of the message', async () => {
    const { all, one } = await ledger.verifyBoth(
      forge('acme', (entry) => [entry.core.source.seq === 1 ? unchanged(entry) : erased(entry)]),
    );
    for (const report of [all, one]) {
      expect(complaints(report).trim()).toBe('');
      expect(report.verdict).toBe('ok');
      expect(report.audit.checked).toContainEqual({ what: expect.stringContaining('erased entries'), count: 6 });
      expect(notChecked(report)).toContainEqual(expect.stringMatching(/^events that were erased: 6$/));
    }
  });

  test.each<[string, () => Change]>([
    ['with 9 PB', () => erase(1, { volume: { kind: 'upload', bytes: HUGE } })],
    ['with 9 PB, of a message that holds several', () => erase(9, { volume: { kind: 'download', bytes: HUGE } }, 1)],
    ['with nothing', () => erase(LONELY, { volume: { kind: 'none', bytes: null } })],
    ['with an unknown size', () => erase(LONELY, { volume: { kind: 'upload', bytes: null } })],
    ['of another kind', () => erase(LONELY, { volume: { kind: 'download', bytes: '40' } })],
    ['with a size that was not taken', () => erase(7, { volume: { kind: 'deduplicated', bytes: null } })],
    ['with a size that nobody said', () => erase(7, { volume: { kind: 'deduplicated', bytes: HUGE, from: 1 } })],
    ['in Chainloop’s dialect', () => erase(11, { volume: { kind: 'download', bytes: HUGE } })],
    ['of another event', () => erase(LONELY, { eventHash: 'f'.repeat(64) })],
    ['of another publisher', () => erase(LONELY, { origin: { producer: 'forger', producerseq: '1' } })],
    ['of none', () => erase(LONELY, { origin: null })],
  ])('%s', async (_name, change) => {
    const { all, one } = await ledger.verifyBoth(change());
    for (const report of [all, one]) {
      expect(report.verdict).toBe('tampered');
      expect(report.audit.problems[0]).toMatchObject({ kind: 'altered', verdict: 'tampered' });
    }
  });

  test('a size that is taken from an erased upload is that of its message', async () => {
    // Whoever erases an upload may change its size with that of what was taken from it: of the chain, nothing is wrong.
    const change = forge('acme', (entry) => {
      if (isOf(entry, 1)) return [{ ...erased(entry), volume: { kind: 'upload', bytes: '11' } }];
      return [
        isOf(entry, 7)
          ? { ...erased(entry), volume: { kind: 'deduplicated', bytes: '11', from: 1 } }
          : unchanged(entry),
      ];
    });
    const { all, one } = await ledger.verifyBoth(change);
    for (const report of [all, one]) {
      expect(report.audit.problems.map(({ seq }) => seq)).toEqual([1, 7]);
      expect(report.verdict).toBe('tampered');
    }
  });
});

test('a chain that is erased as a whole, when AUDIT has nothing of it any more, says so', async () => {
  const fresh = await makeStreams(ledger.nc);
  const events = Array.from({ length: 4 }, (_, n) => artifactEvent(fresh, { orgid: 'acme', kind: 'upload', bytes: n }));
  await publishAll(ledger.nc, events);
  {
    await using _consumer = await startConsumer({ nc: ledger.nc, logger, ...fresh });
    await caughtUp(ledger.nc, fresh);
  }
  await (await jetstreamManager(ledger.nc)).streams.purge(fresh.auditStream);
  const { all, one } = await ledger.verifyBoth(
    forge('acme', (entry) => [erased(entry)]),
    fresh,
  );
  for (const report of [all, one]) {
    expect(report.verdict).toBe('ok');
    expect(notChecked(report)).toEqual([
      'events that were erased: 4',
      expect.stringMatching(/^volumes of erased events.*: 4$/),
      'entries of messages before the first one that was compared: 4',
    ]);
  }
});

describe('AUDIT has lost its beginning', () => {
  /** An upload of `acme`, what becomes of it later, and a ledger of both. */
  async function prunedLedger(): Promise<Settings> {
    const fresh = await makeStreams(ledger.nc);
    const digest = digestOf('pruned');
    const event = (n: number, fields: Partial<ArtifactFields>) =>
      artifactEvent(fresh, {
        orgid: 'acme',
        kind: 'upload',
        digest,
        ...fields,
        attributes: { producer: 'boot', producerseq: String(n) },
      });
    const first = event(1, { bytes: 10 });
    await publishAll(ledger.nc, [first, event(2, { bytes: 20, kind: 'download' })]);
    await using _consumer = await startConsumer({ nc: ledger.nc, logger, ...fresh });
    await caughtUp(ledger.nc, fresh);
    await (await jetstreamManager(ledger.nc)).streams.purge(fresh.auditStream, { seq: 3 });
    await publishAll(ledger.nc, [
      event(3, { kind: 'deduplicated' }),
      { ...first, id: uuid() },
      event(4, { bytes: 40 }),
    ]);
    await caughtUp(ledger.nc, fresh);
    return fresh;
  }

  test('what was chained before is known by the cores alone: a repeated event is one, another is not', async () => {
    const fresh = await prunedLedger();
    const erase = forge('acme', (entry) => [entry.core.seq <= 2 ? erased(entry) : unchanged(entry)]);
    for (const change of [(blocks: CopiedBlock[]) => blocks, erase]) {
      const { all, one } = await ledger.verifyBoth(change, fresh);
      for (const report of [all, one]) {
        expect(complaints(report).trim()).toBe('');
        expect(report).toMatchObject({ verdict: 'ok', audit: { from: 3, compared: 3 } });
        expect(report.audit.checked).toContainEqual({
          what: expect.stringContaining('recorded as repeated'),
          count: 1,
        });
        expect(notChecked(report)).toContainEqual(
          expect.stringMatching(/^entries of messages before the first .*: 2$/),
        );
      }
    }
    // The event was in the chain as it was; left out, it is none that came before.
    const { all, one } = await ledger.verifyBoth((blocks) => {
      return forgeChain(blocks, 'acme', (entry) => {
        if (entry.core.seq === 1) return [];
        const { volume, ...rest } = unchanged(entry);
        return [{ ...rest, volume: volume.from === undefined ? volume : { kind: volume.kind, bytes: null } }];
      });
    }, fresh);
    for (const report of [all, one]) {
      expect(report.verdict).toBe('tampered');
      expect(report.audit.problems).toContainEqual(expect.objectContaining({ seq: 4, kind: 'misjudged' }));
    }
  });

  test('a size that an erased entry took from before is taken on trust, and the report says so', async () => {
    const fresh = await prunedLedger();
    const { all, one } = await ledger.verifyBoth(
      forge('acme', (entry) => [erased(entry)]),
      fresh,
    );
    for (const report of [all, one]) {
      expect(complaints(report).trim()).toBe('');
      expect(report.verdict).toBe('ok');
      expect(notChecked(report)).toContainEqual(expect.stringMatching(/^sizes that erased entries took .*: 1$/));
    }
  });
});
