import type { MsgHdrs } from '@nats-io/nats-core';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { plainHeaders, preparedHeaders } from './message-headers.ts';

const bytesOf = (headers: MsgHdrs): string =>
  Buffer.from((headers as MsgHdrs & { encode(): Uint8Array }).encode()).toString();

const name = fc.stringMatching(/^[A-Z][A-Za-z-]{0,20}$/);
const value = fc.oneof(fc.nat(), fc.stringMatching(/^[!-~]([ -~]{0,20}[!-~])?$/));
const anyHeaders = fc.uniqueArray(fc.tuple(name, value), { selector: ([one]) => one, minLength: 1, maxLength: 8 });

test('the fast way and the plain way print the same bytes', () => {
  fc.assert(
    fc.property(anyHeaders, fc.integer({ min: 1, max: 8 }), (all, cut) => {
      const [common, own] = [all.slice(0, cut), all.slice(cut)];
      expect(bytesOf(preparedHeaders(common)(own))).toBe(bytesOf(plainHeaders(common)(own)));
    }),
  );
});

test('headers as they stand in a message', () => {
  const print = preparedHeaders([['Waybill-Writer', 'w']]);
  expect(bytesOf(print([['Nats-Expected-Last-Subject-Sequence', 7]]))).toBe(
    'NATS/1.0\r\nWaybill-Writer: w\r\nNats-Expected-Last-Subject-Sequence: 7\r\n\r\n',
  );
});

test('common headers are checked by the client', () => {
  expect(() => preparedHeaders([['A b', 'x\r\ny']])).toThrow('is not a valid character');
});
