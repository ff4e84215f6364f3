import { describe, expect, it } from 'vitest';
import { KEYID, makeTestBill, signer } from '../../test-support/bill.ts';
import { makeChain } from '../../test-support/chain.ts';
import { upload } from '../../test-support/verdicts.ts';
import { canonicalJson } from '../json/canonical.ts';
import type { JsonObject } from '../json/json.ts';
import { type Bill, formatBill } from './bill.ts';
import { parseBill } from './parse-bill.ts';
import { verifyBill } from './verify-bill.ts';

const { lines } = makeChain('acme', [upload(1), upload(2), upload(3)], (n) => n);
const ats = [0, 2, 3].map((second) => `2026-01-01T00:00:0${second}.000Z`);
const bill = makeTestBill({ lines, ats });
const signed = makeTestBill({ lines, ats, signer });

function change(text: string, edit: (bill: Bill) => unknown): string {
  const copy = JSON.parse(text) as Bill;
  edit(copy);
  return `${canonicalJson(copy as unknown as JsonObject)}\n`;
}

describe('the text', () => {
  it('is read back', () => {
    expect(formatBill(parseBill(signed))).toBe(signed);
    expect(parseBill(new TextEncoder().encode(signed)).keyid).toBe(KEYID);
  });

  it.each<[string, string | Uint8Array]>([
    ['nothing', ''],
    ['no JSON', '{'],
    ['an array', '[]'],
    ['no UTF-8', Uint8Array.of(0xff)],
    ['no line feed', bill.trimEnd()],
    ['two line feeds', `${bill}\n`],
    ['CRLF', bill.replace('\n', '\r\n')],
    ['a byte order mark', `\ufeff${bill}`],
    ['white space', bill.replace(',', ', ')],
    ['a member twice', bill.replace('"kind":"bill"', '"kind":"bill","kind":"bill"')],
    ['an escape', bill.replace('acme', String.raw`\u0061cme`)],
    ['another kind', bill.replace('"kind":"bill"', '"kind":"note"')],
    ['a reserved chain', bill.replaceAll('"acme"', '"_system"')],
    ['a strange member', change(bill, (one) => Object.assign(one, { x: 1 }))],
    [
      'a strange member of a line',
      change(bill, ({ statement }) => Object.assign(statement.lines[0] as object, { x: 1 })),
    ],
    ['a signature without its key', change(signed, (one) => delete (one as { keyid?: string }).keyid)],
    [
      'a day that does not exist',
      change(bill, ({ statement }) => Object.assign(statement, { to: '2026-02-31T00:00:00.000Z' })),
    ],
    [
      'a core that is none',
      change(bill, ({ anchors }) => Object.assign(anchors, { after: anchors.after?.with(1, {} as never) })),
    ],
    ['too many bytes', 'x'.repeat(5 * 1024 * 1024)],
  ])('that is none is unreadable: %s', (_, text) => {
    expect(verifyBill(text)).toMatchObject({ verdict: 'unreadable', summary: 'unreadable', statement: null });
  });

  it('of a newer version says so', () => {
    const newer = change(bill, (one) => Object.assign(one, { v: 2, more: true }));
    expect(verifyBill(newer)).toMatchObject({ verdict: 'unreadable', problem: expect.stringContaining('v is 2') });
  });
});
