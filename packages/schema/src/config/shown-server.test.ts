import fc from 'fast-check';
import { expect, test } from 'vitest';
import { shownServer } from './server-address.ts';

test.each([
  ['nats://host', 'nats://host'],
  ['host:4222', 'nats://host:4222'],
  ['nats://me:secret@host:4222', 'nats://host:4222'],
  ['nats://me:se@cret@host:4222', 'nats://host:4222'],
  ['tls://token@[::1]:4222/path?query', 'tls://[::1]:4222'],
  ['nats://me:sec/ret@host', null],
  ['nats://me:12/ret@host', null],
  ['nats://me:12#ret@host', null],
  ['nats://me:12?ret@host', null],
  ['nats://', null],
])('of %s is shown %s', (text, shown) => {
  expect(shownServer(text)).toBe(shown);
});

test('no password is ever shown, whatever is in it', () => {
  const odd = fc.constantFrom(...Array.from('/@#?%:,; \\"[]&=+\n'));
  // Long enough not to occur in the rest by chance.
  const password = fc.tuple(fc.array(odd, { maxLength: 4 }), fc.array(odd, { maxLength: 4 })).map(([a, b]) => ({
    text: `${a.join('')}hunter2${b.join('')}hunter3`,
  }));
  fc.assert(
    fc.property(password, fc.constantFrom('nats://', 'tls://', 'http://', ''), ({ text }, scheme) => {
      expect(shownServer(`${scheme}me:${text}@host.example:4222`) ?? '').not.toMatch(/hunter/);
    }),
  );
});
