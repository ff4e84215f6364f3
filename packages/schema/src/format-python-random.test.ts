import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { anyValue, setSomewhere } from '../test-support/any-value.ts';
import { fastSha256, makeChain } from '../test-support/chain.ts';
import { partOf } from '../test-support/part.ts';
import { compareAll, hasPython } from '../test-support/python.ts';
import { erase, forge, toBytes } from '../test-support/verdicts.ts';
import { canonicalJson, isJsonObject, type JsonObject } from './internal.ts';

/** Chains of an organization and of both reserved names, with single events and batches. Some events are erased. */
const rich = [
  makeChain(
    'acme',
    (['upload', 'skip', 'download', 'chainloop', 'other', 'skip', 'upload', 'skip'] as const).map((what, i) => ({
      what,
      artifact: i % 3,
      bytes: i % 2 ? null : i,
      producer: i % 2,
      note: 'ü😀',
      ...(i > 3 && { index: i }),
    })),
    (n) => (n % 4) + 1 + Math.floor(n / 4) * 4,
  ).lines.map((line, i) => (i === 2 || i === 6 ? erase(line) : line)),
  forge(
    ['rejected', 'duplicate', 'gap', 'watermark', 'streams', 'of_tomorrow'].map((kind, i) => ({
      event: { kind },
      source: Math.min(i + 1, 4),
      ...(i >= 3 && { index: 2 }),
    })),
    '_system',
  ),
  forge([{ event: { orgid: '_unattributed', claimedorg: 'a b', producer: 'p', producerseq: '1' } }], '_unattributed'),
];

const FILES = partOf(3_000);

describe.skipIf(!hasPython)('the verifier in python, on random files', () => {
  it(`agrees about ${FILES} files of which one byte was changed`, () => {
    const change = fc.tuple(fc.nat(rich.length - 1), fc.nat(), fc.integer({ min: 1, max: 255 }));
    const files = fc.sample(change, FILES).map(([which, place, flip]) => {
      const bytes = toBytes(rich[which] as string[]);
      const at = place % bytes.length;
      return bytes.with(at, (bytes[at] as number) ^ flip);
    });
    const verdicts = compareAll(files);
    expect(verdicts.get('tampered')).toBeGreaterThan((FILES * 5) / 6);
  });

  it('agrees about files that were put together in another way', () => {
    const edit = fc.tuple(fc.nat(rich.length - 1), fc.nat(), fc.nat(), fc.nat(6));
    const files = fc.sample(edit, partOf(500)).map(([which, place, second, how]) => {
      const lines = rich[which] as string[];
      const [i, j] = [place % lines.length, second % lines.length];
      const [a, b] = [lines[i] as string, lines[j] as string];
      const other = rich[second % rich.length] as string[];
      const edited = [
        lines,
        lines.toSpliced(i, 1),
        lines.toSpliced(i, 0, a),
        lines.with(i, b).with(j, a),
        lines.with(i, erase(a)),
        lines.toSpliced(i, 0, other[j % other.length] as string),
        lines.slice(0, i),
      ];
      return toBytes(edited[how] as string[]);
    });
    expect(compareAll(files).size).toBeGreaterThan(2);
  });

  it('agrees about every field with any value in it, whose hashes are right', () => {
    const change = fc.tuple(fc.nat(rich.length - 1), fc.nat(), fc.nat(), anyValue, fc.boolean());
    const files = fc.sample(change, FILES).flatMap(([which, place, path, value, adds]) => {
      const lines = rich[which] as string[];
      const at = place % lines.length;
      const changed = setSomewhere(JSON.parse(lines[at] as string) as JsonObject, path, value, adds);
      if (!changed) return [];
      const { core, event = null } = changed;
      if (!isJsonObject(core)) return [toBytes(lines.with(at, canonicalJson(changed)))];
      // The chain ends there: nothing after the changed entry would fit.
      const isErased = event === null;
      const event_hash = isErased || path % 3 === 0 ? (core['event_hash'] ?? null) : fastSha256(canonicalJson(event));
      const rehashed = 'event_hash' in core ? { ...core, event_hash } : core;
      const hash = 'hash' in changed ? { hash: fastSha256(canonicalJson(rehashed)) } : {};
      return [toBytes([...lines.slice(0, at), canonicalJson({ ...changed, core: rehashed, ...hash })])];
    });
    const verdicts = compareAll(files);
    expect([...verdicts.keys()].toSorted()).toEqual(['incomplete', 'ok', 'tampered', 'unreadable']);
  });
});
