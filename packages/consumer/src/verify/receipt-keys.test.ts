/** What a key may be is tested where the keys are checked, in @waybill/verify. Here an error is one of this package. */
import { expect, test } from 'vitest';
import { ConsumerError } from '../errors.ts';
import { checkSignersGiven, createReceiptKeys } from './receipt-keys.ts';

test('what is no key is an error of this package, with the same words', () => {
  const make = (): unknown => createReceiptKeys(new Map([['k', 'nonsense']]));
  expect(make).toThrow(ConsumerError);
  expect(make).toThrow(expect.objectContaining({ code: 'BAD_ARGUMENT', message: expect.stringMatching(/\bk\b/) }));
});

test('signatures that are required, without a key to check them with', () => {
  expect(() => checkSignersGiven('verifyLedger', { requireSigned: true })).toThrow(ConsumerError);
});
