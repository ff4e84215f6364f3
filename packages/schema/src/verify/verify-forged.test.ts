import { describe, expect, it } from 'vitest';
import { fastSha256, makeChain } from '../../test-support/chain.ts';
import { forge, run, upload } from '../../test-support/verdicts.ts';
import { canonicalJson } from '../json/canonical.ts';
import type { Json, JsonObject } from '../json/json.ts';
import type { Entry } from '../ledger/entry.ts';
import type { Volume } from '../ledger/volume.ts';

describe('a forged chain whose hashes are right', () => {
  const event = (more: JsonObject = {}): JsonObject => ({
    orgid: 'acme',
    type: 'casartifact.uploaded',
    data: { digest: 'sha256:a', size_bytes: 5 },
    ...more,
  });
  const five: Volume = { kind: 'upload', bytes: '5' };
  const unsized = (digest: string): JsonObject => ({
    orgid: 'acme',
    type: 'casartifact.uploaded',
    data: { digest, skipped: true },
  });

  it.each<[string, string[], number, string]>([
    [
      "a volume that is not the event's",
      forge([{ event: event(), volume: { kind: 'upload', bytes: '6' } }]),
      1,
      'volume is upload 6, derived from the events it is upload 5',
    ],
    [
      'a volume of another kind',
      forge([{ event: event(), volume: { kind: 'download', bytes: '5' } }]),
      1,
      'volume is download 5',
    ],
    ['a volume for nothing', forge([{ event: { orgid: 'acme' }, volume: five }]), 1, 'the event moved nothing'],
    ['no volume for something', forge([{ event: event() }]), 1, 'volume is none of unknown size'],
    [
      'a size from an upload of something else',
      forge([
        { event: event(), volume: five },
        { event: unsized('sha256:b'), volume: { kind: 'deduplicated', bytes: '5', from: 1 } },
      ]),
      2,
      'derived from the events it is deduplicated of unknown size',
    ],
    [
      'a size that was known and is not taken',
      forge([
        { event: event(), volume: five },
        { event: unsized('sha256:a'), volume: { kind: 'deduplicated', bytes: null } },
      ]),
      2,
      'deduplicated 5 from 1',
    ],
    [
      "another organization's event",
      forge([{ event: event({ orgid: 'evil' }), volume: five }]),
      1,
      'the event belongs to "evil"',
    ],
    [
      'an owner that cannot be printed',
      forge([{ event: event({ orgid: { toString: 1, valueOf: 1 } }), volume: five }]),
      1,
      'the event belongs to {"toString":1',
    ],
    [
      "another organization's Chainloop event",
      forge([{ event: { EventType: 'AUDIT_EVENT', Data: { OrgID: 'evil' } } }]),
      1,
      'the event belongs to "evil"',
    ],
    [
      'Chainloop without data',
      forge([{ event: { EventType: 'AUDIT_EVENT', Data: null } }]),
      1,
      'the event belongs to undefined',
    ],
    [
      'an event twice',
      forge([
        { event: event({ producer: 'p', producerseq: '1' }), volume: five },
        { event: event({ producer: 'p', producerseq: '1' }), volume: five },
      ]),
      2,
      'chained a second time',
    ],
    [
      "an origin that is not the event's",
      forge([
        {
          event: event({ producer: 'p', producerseq: '1' }),
          volume: five,
          origin: { producer: 'p', producerseq: '2' },
        },
      ]),
      1,
      'origin is {"producer":"p","producerseq":"2"}, the event says {"producer":"p","producerseq":1}',
    ],
    [
      'no origin where the event has one',
      forge([{ event: event({ producer: 'p', producerseq: '1' }), volume: five, origin: null }]),
      1,
      'origin is null',
    ],
    [
      'an origin where the event has none in form',
      forge([
        {
          event: event({ producer: 'p', producerseq: '01' }),
          volume: five,
          origin: { producer: 'p', producerseq: '1' },
        },
      ]),
      1,
      'the event says null',
    ],
    [
      'an origin of an event in Chainloop’s dialect',
      forge([
        {
          event: { EventType: 'AUDIT_EVENT', Data: { OrgID: 'acme' }, producer: 'p', producerseq: '1' },
          origin: { producer: 'p', producerseq: '1' },
        },
      ]),
      1,
      'the event says null',
    ],
    [
      'an event of one message that comes before another of it',
      forge([
        { event: event(), volume: five, source: 7, index: 3 },
        { event: event(), volume: five, source: 7, index: 2 },
      ]),
      2,
      'source.seq goes from 7, index 3 to 7, index 2',
    ],
    [
      'a message as a whole after an event of it',
      forge([
        { event: event(), volume: five, source: 7, index: 0 },
        { event: event(), volume: five, source: 7 },
      ]),
      2,
      'source.seq goes from 7, index 0 to 7',
    ],
    [
      'a size that is none, and is billed: negative',
      forge([{ event: event({ data: { digest: 'a', size_bytes: -5 } }), volume: { kind: 'upload', bytes: '5' } }]),
      1,
      'derived from the events it is upload of unknown size',
    ],
    [
      'a size that is none, and is billed: a fraction',
      forge([{ event: event({ data: { digest: 'a', size_bytes: 0.5 } }), volume: { kind: 'upload', bytes: '0' } }]),
      1,
      'derived from the events it is upload of unknown size',
    ],
    [
      'one source for two entries',
      forge([
        { event: event(), volume: five, source: 7 },
        { event: event(), volume: five, source: 7 },
      ]),
      2,
      'source.seq goes from 7 to 7',
    ],
    [
      'sources going back',
      forge([
        { event: event(), volume: five, source: 7 },
        { event: event(), volume: five, source: 6 },
      ]),
      2,
      'source.seq goes from 7 to 6',
    ],
  ])('is found: %s', (_name, lines, seq, detail) => {
    expect(run(lines)).toMatchObject({
      verdict: 'tampered',
      problem: { seq, detail: expect.stringContaining(detail) },
    });
  });

  it('is found: received going back, totals that do not add up', () => {
    const rehash = (line: string, change: (core: Record<string, unknown>) => void): string => {
      const entry = JSON.parse(line) as { core: Record<string, unknown>; event: Json; hash: string };
      change(entry.core);
      entry.hash = fastSha256(canonicalJson(entry.core as JsonObject));
      return canonicalJson(entry as unknown as Json);
    };
    const { lines } = makeChain('acme', [upload(1), upload(2)]);
    const [first, second] = lines as [string, string];
    const back = rehash(second, (core) => (core['received'] = '2025-12-31T23:59:59.999Z'));
    expect(run([first, back])).toMatchObject({
      verdict: 'tampered',
      problem: { seq: 2, detail: expect.stringContaining('received goes back') },
    });
    for (const tally of ['uploads', 'downloads', 'deduplicated']) {
      for (const part of ['count', 'bytes', 'unknown']) {
        const wrong = rehash(
          second,
          (core) =>
            (((core['totals'] as Record<string, Record<string, string>>)[tally] as Record<string, string>)[part] =
              '77'),
        );
        expect(run([first, wrong])).toMatchObject({
          verdict: 'tampered',
          problem: { seq: 2, detail: 'totals are not the previous totals plus volume' },
        });
      }
    }
    for (const line of [first, second]) {
      const { seq } = (JSON.parse(line) as Entry).core;
      const before = seq === 1 ? [] : [first];
      const astray = rehash(line, (core) => (core['prev_hash'] = 'f'.repeat(64)));
      expect(run([...before, astray])).toMatchObject({
        verdict: 'tampered',
        problem: { seq, detail: expect.stringContaining('prev_hash is ffff') },
      });
      const jumped = rehash(line, (core) => (core['seq'] = 7));
      expect(run([...before, jumped])).toMatchObject({
        verdict: 'tampered',
        problem: { seq, detail: `expected seq ${seq}, found 7` },
      });
    }
    const events = rehash(first, (core) => ((core['totals'] as Record<string, string>)['events'] = '2'));
    expect(run([events])).toMatchObject({
      verdict: 'tampered',
      problem: { seq: 1, detail: 'totals are not the previous totals plus volume' },
    });
  });

  it('is found in part: a size from before the beginning when a later one is at hand', () => {
    const lines = forge([
      { event: event(), volume: five },
      { event: event(), volume: five },
      { event: unsized('sha256:a'), volume: { kind: 'deduplicated', bytes: '999', from: 1 } },
    ]);
    expect(run(lines.slice(1), { fromSeq: 2 })).toMatchObject({ verdict: 'tampered', problem: { seq: 3 } });
    expect(run(lines.slice(2), { fromSeq: 3 })).toMatchObject({ verdict: 'ok' });
  });
});
