import { canonicalJson, type JsonObject } from '@waybill/schema/verify';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { KEYID, makeEvent, makeReplay, OTHER_KEY, PUBLIC_KEY, signEvent } from '../../test-support/files.ts';
import { createReceiptKeys } from './receipt-keys.ts';
import type { ReceiptReport } from './receipt-report.ts';
import { judgeReceipt, type VerifyReceiptOptions } from './verify-receipt.ts';

const receiptKeys = createReceiptKeys(new Map([[KEYID, PUBLIC_KEY]]));
const signed = signEvent(makeEvent(2));
const receipt = canonicalJson(signed);
const [, entry = ''] = makeReplay([makeEvent(1), signed]);
const [, unsignedEntry = ''] = makeReplay([makeEvent(1), makeEvent(2)]);

const judge = (text: string, options: VerifyReceiptOptions = { receiptKeys }): ReceiptReport =>
  judgeReceipt(Buffer.from(text), options).report;
const what = (scopes: ReceiptReport['checked']): string[] => scopes.map((scope) => scope.what);

describe.each([
  ['an event', receipt],
  ['an entry', entry],
])('%s that is signed', (name, text) => {
  test('is ok with the key, and says what was not checked', () => {
    const report = judge(text);
    expect(report).toMatchObject({ verdict: 'ok', summary: `ok, signed by the key ${KEYID}`, problem: null });
    expect(report).toMatchObject({ keyid: KEYID, event: { type: 'run.started', orgid: 'acme' } });
    expect(what(report.checked)).toContain('the signature of the event, by a key that was given');
    expect(report.not_checked).toHaveLength(1);
    expect(report.entry?.seq ?? null).toBe(name === 'an entry' ? 2 : null);
  });

  test('is never ok without the key', () => {
    const report = judge(text, {});
    expect(report).toMatchObject({ verdict: 'incomplete', summary: 'incomplete, not checked', keyid: KEYID });
    expect(what(report.not_checked)).toContain('the signature of the event');
    expect(what(report.checked).join()).not.toContain('signature');
  });

  test('is tampered with another key, under this name and under another', () => {
    for (const id of [KEYID, 'other'])
      expect(judge(text, { receiptKeys: createReceiptKeys(new Map([[id, OTHER_KEY]])) }).verdict).toBe('tampered');
  });

  test('is that of its organization', () => {
    expect(judge(text, { receiptKeys, orgid: 'acme' }).verdict).toBe('ok');
    expect(judge(text, { receiptKeys, orgid: 'bolt' })).toMatchObject({
      verdict: 'tampered',
      problem: expect.stringContaining('bolt'),
    });
  });

  test('is not ok when a byte of a value changes', () => {
    fc.assert(
      fc.property(fc.nat(text.length - 1), fc.constantFrom('0', 'a', 'B', '"', ' ', 'é'), (at, char) => {
        const changed = text.slice(0, at) + char + text.slice(at + 1);
        const isSame = ((): boolean => {
          try {
            return canonicalJson(JSON.parse(changed) as JsonObject) === text;
          } catch {
            return false;
          }
        })();
        expect(judge(changed).verdict === 'ok').toBe(isSame);
      }),
      { numRuns: 300 },
    );
  });
});

test('an event on several lines has the same values, and a member that stands twice is refused', () => {
  expect(judge(JSON.stringify(signed, null, 2)).verdict).toBe('ok');
  expect(judge(receipt.replace('{', '{"orgid":"bolt",'))).toMatchObject({ verdict: 'unreadable' });
});

test.each([
  ['an event', canonicalJson(makeEvent(2))],
  ['an entry', unsignedEntry],
])('%s without a signature is no receipt', (_, text) => {
  expect(judge(text, {})).toMatchObject({ verdict: 'incomplete', problem: 'the event has no signature', keyid: null });
  expect(judge(text)).toMatchObject({ verdict: 'tampered', problem: expect.stringContaining('no signature') });
});

test('an entry has to be what its hashes say', () => {
  const report = judge(entry.replace('"seq":2', '"seq":3'));
  expect(report).toMatchObject({ verdict: 'tampered', problem: 'hash is not the SHA-256 of core', checked: [] });
});

test('what is none of these is unreadable', () => {
  for (const text of ['', 'hello', '[]', '1', `${receipt}\n${receipt}\n`, 'x'.repeat(2_000_000)])
    expect(judge(text)).toMatchObject({ verdict: 'unreadable', summary: 'unreadable', event: null });
});

test.each([
  ['a byte order mark', `\uFEFF${receipt}`, 'this begins with a byte order mark'],
  ['several events', `${receipt}\n${receipt}\n`, 'this file has several events'],
  ['an entry with CR LF', `${entry}\r\n`, 'the lines end with CR LF'],
  ['an entry that jq wrote', JSON.stringify(JSON.parse(entry), null, 2), 'the values are unchanged'],
])('a hint for %s', (_, text, said) => {
  expect(judgeReceipt(Buffer.from(text), { receiptKeys }).hint).toContain(said);
});
