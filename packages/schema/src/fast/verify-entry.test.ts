import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { anyValue, setSomewhere } from '../../test-support/any-value.ts';
import { anySpec, fastSha256, makeChain } from '../../test-support/chain.ts';
import { mutateText } from '../../test-support/mutate-text.ts';
import { partOf } from '../../test-support/part.ts';
import { compareVerdicts, rewrite } from '../../test-support/shortcut.ts';
import { canonicalJson } from '../json/canonical.ts';
import { isJsonObject, type JsonObject } from '../json/json.ts';
import { verify, type VerifyOptions } from '../verify/verify.ts';
import { createEntryReader } from './verify-entry.ts';

const compare = (lines: readonly string[], options: VerifyOptions = {}): number =>
  compareVerdicts(createEntryReader, lines, options);

const anyChain = fc.array(anySpec, { minLength: 2, maxLength: 7 }).map((specs) => makeChain('acme', specs).lines);

describe('verification with the shortcut and without it', () => {
  it('say the same of good chains, whole and in part, and the shortcut is taken', () => {
    fc.assert(
      fc.property(anyChain, fc.nat(6), (lines, skipped) => {
        compare(lines);
        compare(lines.slice(skipped), { fromSeq: skipped + 1 });
        compare(lines, { expect: [{ seq: 2, hash: 'f'.repeat(64) }] });
      }),
    );
    const what = ['upload', 'download', 'skip', 'other', 'chainloop'] as const;
    const { lines } = makeChain(
      'acme',
      [...what, ...what].map((kind) => ({ what: kind, artifact: 1, bytes: 5, producer: 1, note: 'x' })),
    );
    expect(compare(lines)).toBe(lines.length - 1);
  });

  it('say the same of lines that are written in another way, with and without right hashes', () => {
    fc.assert(
      fc.property(anyChain, fc.nat(), mutateText, mutateText, fc.nat(3), (lines, place, mutate, mutateMore, how) => {
        const at = place % lines.length;
        const changed =
          how === 0
            ? mutate(lines[at] as string)
            : rewrite(lines[at] as string, {
                ...(how !== 2 && { event: mutate }),
                ...(how !== 1 && { core: mutateMore }),
                rehash: true,
              });
        compare(lines.with(at, changed));
      }),
      { numRuns: partOf(5_000) },
    );
  });

  it('say the same of chains with lines that are missing, doubled, swapped, erased or of another chain', () => {
    const others = makeChain('other', [{ what: 'upload', artifact: 1, bytes: 1, producer: null }]).lines;
    fc.assert(
      fc.property(anyChain, fc.nat(), fc.nat(), fc.nat(5), (lines, place, second, how) => {
        const [i, j] = [place % lines.length, second % lines.length];
        const [a, b] = [lines[i] as string, lines[j] as string];
        const erased = canonicalJson({ ...(JSON.parse(a) as JsonObject), event: null });
        const edited = [
          lines.toSpliced(i, 1),
          lines.toSpliced(i, 0, a),
          lines.with(i, b).with(j, a),
          lines.with(i, erased),
          lines.toSpliced(i, 0, ''),
          lines.toSpliced(i, 0, ...others),
        ];
        compare(edited[how] as string[]);
      }),
      { numRuns: partOf(2_000) },
    );
  });

  it('say the same of every field with any value in it, whose hashes are right', () => {
    const found = new Set<string>();
    fc.assert(
      fc.property(anyChain, fc.nat(), fc.nat(), anyValue, fc.boolean(), (lines, place, path, value, adds) => {
        const at = place % lines.length;
        const entry = JSON.parse(lines[at] as string) as JsonObject;
        const changed = setSomewhere(entry, path, value, adds);
        if (!changed) return;
        const event = changed['event'] ?? null;
        const core = changed['core'];
        if (!isJsonObject(core)) return compareAll(lines, at, changed);
        const rehashed = path % 3 === 0 ? core : { ...core, event_hash: fastSha256(canonicalJson(event)) };
        compareAll(lines, at, { ...changed, core: rehashed, hash: fastSha256(canonicalJson(rehashed)) });
      }),
      { numRuns: partOf(10_000) },
    );
    function compareAll(lines: readonly string[], at: number, changed: JsonObject): void {
      const all = lines.with(at, canonicalJson(changed));
      compare(all);
      found.add(verify(all, { sha256: fastSha256 }).verdict);
    }
    expect(found).toContain('tampered');
  });
});
