import { expect, test } from 'vitest';
import { VerifyError } from '../errors.ts';
import { createReceiptKeys } from './receipt-keys.ts';

const PUBLIC = '11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=';
const SIGNATURE = Buffer.from(
  'e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b',
  'hex',
);

test('right, wrong and unknown', () => {
  const keys = createReceiptKeys(new Map([['k', PUBLIC]]));
  const publicKey = keys.find('k') as Uint8Array;
  expect(Buffer.from(publicKey).toString('base64')).toBe(PUBLIC);
  expect(keys.find('other')).toBe(null);
  const receipt = { keyid: 'k', publicKey, signature: SIGNATURE };
  // RFC 8032 §7.1, test 1, whose message is empty.
  expect(keys.fits({ ...receipt, text: '' })).toBe(true);
  expect(keys.fits({ ...receipt, text: 'x' })).toBe(false);
  expect(keys.fits({ ...receipt, text: '', keyid: 'other' })).toBe(false);
});

const IDENTITY = Buffer.alloc(32).fill(1, 0, 1).toString('base64');
test.each([
  '',
  'x',
  PUBLIC.slice(0, -1),
  `${PUBLIC}=`,
  'A'.repeat(88),
  IDENTITY,
  Buffer.alloc(32, 0xff).toString('base64'),
])('a public key that is none: %j', (text) => {
  expect(() => createReceiptKeys(new Map([['k', text]]))).toThrow(VerifyError);
});
