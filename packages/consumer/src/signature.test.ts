import { expect, test } from 'vitest';
import { ConsumerError } from './errors.ts';
import { createSignatureVerifier } from './signature.ts';

const PUBLIC = '11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=';
const SIGNATURE = Buffer.from(
  'e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b',
  'hex',
).toString('base64');

test('right, wrong, unknown, and signatures that are none', () => {
  const signature = SIGNATURE;
  const check = createSignatureVerifier(new Map([['k', PUBLIC]]));
  // RFC 8032 §7.1, test 1, whose message is empty.
  expect(check({ keyid: 'k', signature, text: '' })).toBe(true);
  expect(check({ keyid: 'k', signature, text: 'x' })).toBe(false);
  expect(check({ keyid: 'other', signature, text: '' })).toBe(null);
  for (const bad of ['', 'x', signature.slice(0, -1), signature.replace(/.==$/, 'x=='), `${signature} `]) {
    expect(check({ keyid: 'k', signature: bad, text: '' }), bad).toBe(false);
  }
});

test.each(['', 'x', PUBLIC.slice(0, -1), `${PUBLIC}=`, 'A'.repeat(88)])('a public key that is none: %j', (text) => {
  expect(() => createSignatureVerifier(new Map([['k', text]]))).toThrow(ConsumerError);
});
