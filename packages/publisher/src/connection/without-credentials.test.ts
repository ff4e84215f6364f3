import fc from 'fast-check';
import { expect, test } from 'vitest';
import { withoutCredentials } from './without-credentials.ts';

test('hosts and ports of the configured servers stay', () => {
  const servers = ['nats://me:hunter2@a:1', 'me:hunter2@b:2', 'nats://me:hun/ter@c:3'];
  expect(withoutCredentials(`neither ${servers.join(' nor ')} answers`, servers)).toBe(
    'neither nats://a:1 nor nats://b:2 nor (a server) answers',
  );
  expect(withoutCredentials('nobody listens at nats://a:1 or nats://b:2')).toBe(
    'nobody listens at nats://a:1 or nats://b:2',
  );
});

test('no part of a password is left, whatever characters it has', () => {
  const odd = fc
    .array(fc.constantFrom(...Array.from('/@#?%:,; \\"[]&=+\n')), { maxLength: 4 })
    .map((chars) => chars.join(''));
  fc.assert(
    fc.property(odd, odd, fc.boolean(), (a, b, known) => {
      const url = `nats://me:${a}hunter2${b}hunter3@host.example:4222`;
      expect(withoutCredentials(`cannot reach ${url} now`, known ? [url] : [])).not.toMatch(/hunter/);
    }),
  );
});
