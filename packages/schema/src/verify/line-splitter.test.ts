import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createLineSplitter, MAX_LINE_BYTES } from './line-splitter.ts';

/** @param sizes of the chunks, repeated. The memory of each chunk is overwritten after it was pushed */
function split(bytes: Uint8Array, sizes: readonly number[]): Uint8Array[] {
  const splitter = createLineSplitter();
  const lines: Uint8Array[] = [];
  for (let at = 0, i = 0; at < bytes.length; i++) {
    const chunk = bytes.slice(at, (at += sizes[i % sizes.length] as number));
    for (const line of splitter.push(chunk)) lines.push(line.slice());
    chunk.fill(0);
  }
  const rest = splitter.finish();
  return rest ? [...lines, rest] : lines;
}

describe('createLineSplitter', () => {
  it('loses no byte, whatever the chunks', () => {
    const bytes = fc.array(fc.oneof(fc.constant(10), fc.nat(255)), { maxLength: 200 }).map((b) => Uint8Array.from(b));
    fc.assert(
      fc.property(bytes, fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 5 }), (bytes, sizes) => {
        const expected = Buffer.from(bytes).toString('latin1').split('\n');
        if (expected.at(-1) === '') expected.pop();
        expect(split(bytes, sizes).map((line) => Buffer.from(line).toString('latin1'))).toEqual(expected);
      }),
    );
  });

  it.each([65_536, MAX_LINE_BYTES * 4])(
    'cuts a line that is too long, with chunks of %i, and goes on after it',
    (size) => {
      const long = new Uint8Array(MAX_LINE_BYTES * 3 + 3).fill(97);
      long[MAX_LINE_BYTES * 2] = 10;
      long[MAX_LINE_BYTES * 2 + 2] = 10;
      const lines = split(long, [size]);
      expect(lines.map((line) => line.length)).toEqual([MAX_LINE_BYTES + 1, 1, MAX_LINE_BYTES]);
    },
  );
});
