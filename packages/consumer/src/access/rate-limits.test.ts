import { expect, test } from 'vitest';
import { addressKey } from './address-key.ts';
import { createRateLimits } from './rate-limits.ts';

test('25,000 addresses take the memory of 10,000', async () => {
  const limits = createRateLimits({ requestsPerMinute: 10, failuresPerMinute: 10 });
  for (let i = 0; i < 25_000; i++) {
    await limits.countFailure(`2001:db8:${(i >> 16).toString(16)}:${(i & 0xffff).toString(16)}::1`);
  }
  expect(limits.size).toBe(10_000);
});

test('0 is no limit', async () => {
  const limits = createRateLimits({ requestsPerMinute: 0, failuresPerMinute: 0 });
  for (let i = 0; i < 100; i++) {
    await limits.countFailure('192.0.2.1');
    await limits.checkAddress('192.0.2.1');
    await limits.countRequest('a');
  }
  expect(limits.size).toBe(0);
});

test.each([
  ['192.0.2.1', '192.0.2.1'],
  ['::ffff:192.0.2.1', '192.0.2.1'],
  ['2001:db8::1', '2001:db8:0:0::/64'],
  ['2001:0DB8:0000:0000:1:2:3:4', '2001:db8:0:0::/64'],
  ['2001:db8:1::', '2001:db8:1:0::/64'],
  ['::1', '0:0:0:0::/64'],
  ['fe80::1%eth0', 'fe80:0:0:0::/64'],
  ['64:ff9b::192.0.2.1', '64:ff9b:0:0::/64'],
  ['', 'no address'],
  ['unknown', 'no address'],
])('%s counts as %s', (address, key) => {
  expect(addressKey(address)).toBe(key);
});
