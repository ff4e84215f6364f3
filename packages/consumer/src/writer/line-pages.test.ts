import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createLinePages, type Lines, noLines } from './line-pages.ts';

const piece = fc.oneof(
  fc.string({ unit: 'grapheme' }),
  fc.integer({ min: 0, max: 9_000 }).map((length) => 'x'.repeat(length)),
  fc.constantFrom('', '€'.repeat(700), 'x'.repeat(2_047), 'x'.repeat(2_048)),
);
/** What happens to one of four blocks: a line more, or its end. */
const step = fc.record({ block: fc.nat(3), line: fc.option(fc.array(piece, { maxLength: 4 }), { freq: 4 }) });

test('blocks that grow side by side have their own lines, whatever memory they get', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const pages = createLinePages();
      const blocks: { lines: Lines; text: string }[] = Array.from({ length: 4 }, () => ({
        lines: noLines(),
        text: '',
      }));
      for (const { block, line } of steps) {
        const one = blocks[block] as (typeof blocks)[number];
        if (line) {
          pages.append(one.lines, line);
          one.text += `${line.join('')}\n`;
        } else {
          pages.release(one.lines);
          one.text = '';
        }
        for (const { lines, text } of blocks) {
          expect(lines.bytes).toBe(Buffer.byteLength(text));
          const target = Buffer.alloc(lines.bytes);
          expect(pages.copy(lines, target)).toBe(lines.bytes);
          expect(target.toString()).toBe(text);
        }
      }
      for (const { lines } of blocks) pages.release(lines);
      expect(pages.used).toBe(0);
    }),
  );
});

test('memory that was given back is used again', () => {
  const pages = createLinePages();
  const one = noLines();
  pages.append(one, ['x'.repeat(100_000)]);
  const used = pages.used;
  pages.release(one);
  expect(pages.used).toBe(0);
  const { first } = one;
  pages.append(one, ['y'.repeat(100_000)]);
  expect([pages.used, first]).toEqual([used, -1]);
});
