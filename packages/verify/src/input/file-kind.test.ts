import { readFileSync } from 'node:fs';
import { canonicalJson } from '@waybill/schema/verify';
import { expect, test } from 'vitest';
import { makeBill, makeEvent, makeReplay, signEvent } from '../../test-support/files.ts';
import { kindOfFile } from './file-kind.ts';

const lines = makeReplay([1, 2, 3, 4].map((n) => signEvent(makeEvent(n))));
const replay = `${lines.join('\n')}\n`;
const bill = makeBill(lines);
const receipt = canonicalJson(signEvent(makeEvent(1)));
const pretty = (text: string): string => JSON.stringify(JSON.parse(text), null, 2);
const kind = (content: string | Uint8Array): string => kindOfFile(Buffer.from(content)).phrase.replace(/,.*/, '');

test.each<[string, string, readonly (string | Uint8Array)[]]>([
  [
    'a replay',
    'whole, a part, one entry that is all, and damaged ones',
    [
      replay,
      lines.slice(2).join('\n'),
      `${lines[0]}\n`,
      replay.slice(0, 50),
      replay.replaceAll('\n', '\r\n'),
      pretty(lines[0] as string),
      `[${lines.join(',')}]`,
    ],
  ],
  [
    'a bill',
    'whole and damaged',
    [bill, bill.trimEnd(), pretty(bill), bill.replace('\n', '\r\n'), bill.slice(0, 100), bill + bill, bill + replay],
  ],
  [
    'an event',
    'as it was signed, on several lines, and several of them',
    [
      receipt,
      pretty(receipt),
      `${receipt}\n${receipt}\n`,
      receipt.slice(0, -20),
      '{"EventType":"AUDIT_EVENT","Data":{}}',
    ],
  ],
  ['one entry out of a chain', 'with its line feed and without', [lines[2] as string, `${lines[2]}\n`]],
  ['an empty file', 'or one of blanks', ['', '\n\n', ' ']],
  [
    'no bill and no receipt',
    'whatever else there is',
    ['hello\n', '\0\u0001', '{}', '[]', 'null', '{"version":1}', readFileSync(process.execPath).subarray(0, 10_000)],
  ],
])('%s: %s', (phrase, _, contents) => {
  for (const content of contents) expect(kind(content), String(content).slice(0, 80)).toBe(phrase);
});

test('a byte order mark and UTF-16 hide nothing', () => {
  for (const [phrase, content] of [
    ['a bill', bill],
    ['a replay', replay],
    ['an event', receipt],
  ] as const) {
    expect(kind(`\uFEFF${content}`)).toBe(phrase);
    expect(kind(Buffer.from(`\uFEFF${content}`, 'utf16le'))).toBe(phrase);
    expect(kind(Buffer.from(`\uFEFF${content}`, 'utf16le').swap16())).toBe(phrase);
  }
});
