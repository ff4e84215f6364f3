/** How often a token may ask and an address may fail; and who is let in without a token. */
import { expect, test } from 'vitest';
import { ADDRESS, prepareAccess } from '../support/access.ts';
import { startNats } from '../support/nats.ts';

const UNKNOWN = `Bearer wb_${'a'.repeat(16)}_${'a'.repeat(52)}`;

const codeOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => 'let in',
    ({ code }) => code as unknown,
  );

test('an address that fails too often is refused before anything is looked at, and others are not', async () => {
  await using server = await startNats();
  const access = await prepareAccess(server);
  await using checks = access.check({ failuresPerMinute: 3 });
  const { token } = await access.make();
  const ask = (header: string | undefined, address: string): Promise<unknown> =>
    codeOf(checks.authenticate(header, address));
  for (let i = 0; i < 2; i++) expect(await ask(UNKNOWN, ADDRESS)).toBe('UNAUTHENTICATED');
  // No header is no try.
  for (let i = 0; i < 9; i++) expect(await ask(undefined, ADDRESS)).toBe('UNAUTHENTICATED');
  // A good token costs no try, and gives none back.
  for (let i = 0; i < 9; i++) expect(await ask(`Bearer ${token}`, ADDRESS)).toBe('let in');
  expect(await ask('Basic x', ADDRESS)).toBe('UNAUTHENTICATED');
  await expect(checks.authenticate(`Bearer ${token}`, ADDRESS)).rejects.toMatchObject({
    code: 'RATE_LIMITED',
    retryAfterMs: expect.toSatisfy((ms: number) => ms > 0 && ms <= 60_000),
  });
  expect(await ask(`Bearer ${token}`, '192.0.2.8')).toBe('let in');
});

test('an IPv6 address counts with its /64, and an IPv4 address in its clothes as itself', async () => {
  await using server = await startNats();
  const access = await prepareAccess(server);
  await using checks = access.check({ failuresPerMinute: 3 });
  const ask = (address: string): Promise<unknown> => codeOf(checks.authenticate(UNKNOWN, address));
  expect([await ask('2001:db8::1'), await ask('2001:db8::2'), await ask('2001:DB8:0:0:ffff::3')]).toEqual(
    Array.from({ length: 3 }, () => 'UNAUTHENTICATED'),
  );
  expect(await ask('2001:db8::4')).toBe('RATE_LIMITED');
  expect(await ask('2001:db8:0:1::4')).toBe('UNAUTHENTICATED');
  for (const address of ['::ffff:192.0.2.9', '192.0.2.9', '::FFFF:192.0.2.9']) {
    expect(await ask(address)).toBe('UNAUTHENTICATED');
  }
  expect(await ask('192.0.2.9')).toBe('RATE_LIMITED');
});

test('a token may ask so often a minute, from wherever it asks', async () => {
  await using server = await startNats();
  const access = await prepareAccess(server);
  await using checks = access.check({ requestsPerMinute: 5 });
  const [one, other] = [await access.make(), await access.make()];
  for (let i = 0; i < 5; i++) {
    expect(await codeOf(checks.authenticate(`Bearer ${one.token}`, `192.0.2.${i}`))).toBe('let in');
  }
  await expect(checks.authenticate(`Bearer ${one.token}`, '192.0.2.77')).rejects.toMatchObject({
    code: 'RATE_LIMITED',
    retryAfterMs: expect.toSatisfy((ms: number) => ms > 0 && ms <= 60_000),
  });
  expect(await codeOf(checks.authenticate(`Bearer ${other.token}`, ADDRESS))).toBe('let in');
});

test('open: whoever is on this machine may read everything; a token that is given is still checked', async () => {
  await using server = await startNats();
  const access = await prepareAccess(server);
  await using checks = access.check({}, true);
  const principal = await checks.authenticate(undefined, '::ffff:127.0.0.1');
  expect(principal).toMatchObject({ kind: 'open', organizations: 'all', expiresAt: null });
  expect([...principal.scopes]).toEqual(['usage:read', 'entries:read', 'verify', 'export']);
  expect(await checks.isValid(principal)).toBe(true);
  expect(await codeOf(checks.authenticate(undefined, ADDRESS))).toBe('UNAUTHENTICATED');
  expect(await codeOf(checks.authenticate(UNKNOWN, '127.0.0.1'))).toBe('UNAUTHENTICATED');
  await using closed = access.check();
  expect(await closed.isValid(principal)).toBe(false);
});
