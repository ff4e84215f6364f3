import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, expect, test } from 'vitest';
import {
  formatRecord,
  parseRecord,
  readSegment,
  recordBytes,
  SEGMENT_HEADER,
  type SegmentRecord,
} from './segment-file.ts';

const dir = mkdtempSync(join(tmpdir(), 'waybill-segment-'));
afterAll(() => rmSync(dir, { recursive: true }));

const record = fc.record<SegmentRecord>({
  ordinal: fc.nat(),
  subject: fc.stringMatching(/^[a-z0-9_.-]{1,80}$/),
  text: fc
    .dictionary(fc.string(), fc.string({ unit: 'grapheme', maxLength: 300 }))
    .map((data) => JSON.stringify(data).toWellFormed()),
});

function read(content: Uint8Array): { records: SegmentRecord[]; damaged: number; torn: boolean } {
  const path = join(dir, 'read.seg');
  writeFileSync(path, content);
  const reader = readSegment(path);
  const records: SegmentRecord[] = [];
  let damaged = 0;
  for (;;) {
    const item = reader.next();
    if (item.kind === 'record') records.push(item.record);
    else if (item.kind === 'damaged') damaged++;
    else {
      reader.close();
      return { records, damaged, torn: item.torn };
    }
  }
}

test('what is formatted is parsed, and as long as was said', () => {
  fc.assert(
    fc.property(record, (given) => {
      const line = Buffer.from(formatRecord(given));
      expect(parseRecord(line.subarray(0, -1))).toEqual(given);
      expect(recordBytes({ ...given, bytes: Buffer.byteLength(given.text) })).toBe(line.length);
    }),
  );
});

test('one changed byte costs the record that it is in, at most two, and never makes another one', () => {
  fc.assert(
    fc.property(
      fc.array(record, { minLength: 3, maxLength: 8 }),
      fc.nat(),
      fc.integer({ min: 1, max: 255 }),
      (given, at, flip) => {
        const bytes = Buffer.from(SEGMENT_HEADER + given.map(formatRecord).join(''));
        const place = SEGMENT_HEADER.length + (at % (bytes.length - SEGMENT_HEADER.length));
        bytes[place] = (bytes[place] as number) ^ flip;
        const { records } = read(bytes);
        expect(records.length).toBeGreaterThanOrEqual(given.length - 2);
        expect(records.length).toBeLessThan(given.length);
        for (const one of records) expect(given).toContainEqual(one);
      },
    ),
    { numRuns: 200 },
  );
});

test('a file that was cut anywhere gives the whole records before the cut', () => {
  fc.assert(
    fc.property(fc.array(record, { minLength: 1, maxLength: 5 }), fc.nat(), (given, at) => {
      const lines = given.map(formatRecord);
      const bytes = Buffer.from(SEGMENT_HEADER + lines.join(''));
      const cut = at % (bytes.length + 1);
      const { records, damaged } = read(bytes.subarray(0, cut));
      let end = SEGMENT_HEADER.length;
      const whole = given.filter((_, i) => (end += Buffer.byteLength(lines[i] as string)) <= cut);
      expect(records).toEqual(whole);
      expect(damaged).toBe(0);
    }),
    { numRuns: 200 },
  );
});

test('megabytes without a line feed are one damaged line, and are not held in memory', () => {
  const good = formatRecord({ ordinal: 1, subject: 'audit.a.b.c', text: '{}' });
  const content = Buffer.concat([Buffer.from(SEGMENT_HEADER), Buffer.alloc(8_000_000, 7), Buffer.from(`\n${good}`)]);
  expect(read(content)).toMatchObject({ records: [{ ordinal: 1 }], damaged: 1, torn: false });
});

test.for(['', '00000000 1 s {}', 'not a record at all, but long', '0badc0de 1 s {}'])('%j is no record', (line) => {
  expect(parseRecord(Buffer.from(line))).toBeNull();
});
