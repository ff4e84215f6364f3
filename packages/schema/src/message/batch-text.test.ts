import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { anyJson } from '../../test-support/json.ts';
import { mutateText } from '../../test-support/mutate-text.ts';
import { partOf } from '../../test-support/part.ts';
import type { Json } from '../json/json.ts';
import { parseJson } from '../json/parse-json.ts';
import { beginsArray, cutElements } from './batch-text.ts';

const space = fc.stringMatching(/^[ \t\n\r]{0,3}$/);
/** An array in any layout, and the texts of its elements. */
const anyArray = fc
  .tuple(space, fc.array(fc.tuple(space, anyJson, fc.nat(2), space), { maxLength: 8 }), space)
  .map(([before, elements, after]) => {
    const texts = elements.map(([, value, indent]) => JSON.stringify(value, null, indent));
    const inner = elements.map(([left, , , right], i) => `${left}${texts[i]}${right}`).join(',');
    return { text: `${before}[${inner}]${after}`, texts, values: elements.map(([, value]) => value) };
  });

function parsed(text: string): Json | undefined {
  try {
    return parseJson(text);
  } catch {
    return undefined;
  }
}

describe('cutElements', () => {
  it('finds each element as it was written', () => {
    fc.assert(
      fc.property(anyArray, ({ text, texts }) => {
        expect(beginsArray(new TextEncoder().encode(text))).toBe(true);
        expect(cutElements(text, 8)).toEqual(texts);
      }),
      { numRuns: partOf(5_000) },
    );
  });

  it('agrees with the parser about every array that is JSON, whatever was done to it', () => {
    let arrays = 0;
    fc.assert(
      fc.property(anyArray, mutateText, mutateText, ({ text }, mutate, again) => {
        const mutated = again(mutate(text));
        if (!beginsArray(new TextEncoder().encode(mutated))) return;
        const elements = cutElements(mutated, 100);
        const whole = parsed(mutated);
        if (!Array.isArray(whole)) return;
        arrays++;
        expect(elements?.map(parseJson)).toEqual(whole);
      }),
      { numRuns: partOf(20_000) },
    );
    expect(arrays).toBeGreaterThan(partOf(5_000));
  });

  it('says where there are too many', () => {
    expect(cutElements('[1,2,3]', 3)).toEqual(['1', '2', '3']);
    expect(cutElements('[1,2,3]', 2)).toBeNull();
    expect(cutElements(' [ ] ', 0)).toEqual([]);
  });

  it('ends on any text, in time that grows with its length', () => {
    for (const text of [
      '[',
      '["',
      '["\\',
      `[${'"\\'.repeat(50_000)}`,
      '['.repeat(100_000),
      `["${'\\'.repeat(100_000)}"]`,
    ])
      expect(() => cutElements(text, 256)).not.toThrow();
  });
});
