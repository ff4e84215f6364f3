import { expect, it } from 'vitest';
import { isUriReference } from './uri-reference.ts';

it.each([
  '',
  '//cas.example/artifact-cas',
  'https://user:pw@cas.example:8443/a/b;c=d/?x=1&y=/?#frag/?',
  'urn:uuid:6e8bc430-9c3a-11d9-9669-0800200c9a66',
  'mailto:cncf-wg-serverless@lists.cncf.io',
  '/cloudevents/spec/pull/123',
  '1-555-123-4567',
  '?query',
  '#fragment',
  'a%20b',
  './a:b',
  'ldap://[2001:db8::7]/c=GB?objectClass?one',
  'http://[::]',
  'http://[::1]:80',
  'http://[1:2:3:4:5:6:7:8]',
  'http://[1:2:3:4:5:6:1.2.3.4]',
  'http://[::ffff:1.2.3.4]',
  'http://[1::8]',
  'http://[v1.a:b]',
  'http://300.1.1.1/',
  'a:',
  'file:///etc',
  '//',
])('takes %j', (text) => expect(isUriReference(text)).toBe(true));

it.each([
  ' ',
  'a b',
  'a\u00a0b',
  '%',
  '%2',
  '%zz',
  '<x>',
  '"x"',
  'a\\b',
  'a^b',
  'a`b',
  '{x}',
  'a|b',
  '[x]',
  'ü',
  '😀',
  '1:2',
  ':x',
  'a b:c',
  '##',
  'a#b#c',
  'http://[::1',
  'http://[::1]x',
  'http://[1:2:3]',
  'http://[1::2::3]',
  'http://[::12345]',
  'http://[::1.2.3.400]',
  'http://a:b:c/',
  '//a:8x',
  '//a@b@c',
  'a\nb',
  'a\u0000',
  '\u0085',
])('refuses %j', (text) => expect(isUriReference(text)).toBe(false));

it('takes no time that grows with the square of what it is given', () => {
  for (const part of ['a', '/', '%41', ':', '1:', '//a@', 'a.'])
    expect(isUriReference(`${part.repeat(20_000)} `)).toBe(false);
});
