/** Attacks on tokens: what is sent in the place of one, and what is done to the stream that has them. */
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { ConsumerError, createToken, listTokens, revokeToken } from '@waybill/consumer';
import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { ADDRESS, prepareAccess, type TestAccess } from '../support/access.ts';
import { startNats, type TestNats } from '../support/nats.ts';

let shared: Promise<{ server: TestNats; access: TestAccess }> | undefined;
const prepared = (): NonNullable<typeof shared> =>
  (shared ??= startNats().then(async (server) => ({ server, access: await prepareAccess(server) })));
afterAll(async () => (await shared)?.server[Symbol.asyncDispose]());

const A_TOKEN = `wb_${'a'.repeat(16)}_${'a'.repeat(52)}`;

describe('what is no token that was made', () => {
  const letter = (text: string, at: number): string =>
    `${text.slice(0, at)}${text[at] === 'b' ? 'c' : 'b'}${text.slice(at + 1)}`;
  test.for<[what: string, header: (token: string) => string]>([
    ['nothing', () => ''],
    ['the scheme alone', () => 'Bearer'],
    ['the scheme and a blank', () => 'Bearer '],
    ['the token without a scheme', (token) => token],
    ['another scheme', (token) => `Basic ${token}`],
    ['user and password', (token) => `Basic ${Buffer.from(`${token}:`).toString('base64')}`],
    ['a scheme that begins with it', (token) => `Bearers ${token}`],
    ['a line before it', (token) => `x\nBearer ${token}`],
    ['a line after it', (token) => `Bearer ${token}\n`],
    ['two tokens', (token) => `Bearer ${token} ${token}`],
    ['two with a comma', (token) => `Bearer ${token},${token}`],
    ['a tab', (token) => `Bearer\t${token}`],
    ['quotes', (token) => `Bearer "${token}"`],
    ['capitals', (token) => `Bearer ${token.toUpperCase()}`],
    ['a letter too many', (token) => `Bearer ${token}a`],
    ['a letter too few', (token) => `Bearer ${token.slice(0, -1)}`],
    ['padding', (token) => `Bearer ${token}====`],
    [
      'another last letter of the same bits',
      (token) => `Bearer ${token.slice(0, -1)}${token.endsWith('a') ? 'b' : 'r'}`,
    ],
    ['another last bit', (token) => `Bearer ${token.slice(0, -1)}${token.endsWith('a') ? 'q' : 'a'}`],
    ['another first letter of the secret', (token) => `Bearer ${letter(token, 20)}`],
    ['another letter of the id', (token) => `Bearer ${letter(token, 5)}`],
    ['an id that nobody has', () => `Bearer ${A_TOKEN}`],
    ['the id alone', (token) => `Bearer ${token.slice(0, 19)}`],
    ['a subject in the place of the id', () => `Bearer wb_>_${'a'.repeat(52)}`],
    ['a wildcard in the id', () => `Bearer wb_${'a'.repeat(14)}.*_${'a'.repeat(52)}`],
    ['the hash in the place of the secret', (token) => `Bearer ${token.slice(0, 20)}${'0'.repeat(64)}`],
    ['10,000 letters', () => `Bearer ${'a'.repeat(10_000)}`],
    ['a NUL', (token) => `Bearer ${token}\0`],
    ['a JWT, where none is configured', () => 'Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0.aa'],
  ])('%s', async ([, header]) => {
    const { access } = await prepared();
    await using checks = access.check();
    const { token } = await access.make();
    await expect(checks.authenticate(`Bearer ${token}`, ADDRESS)).resolves.toMatchObject({ kind: 'token' });
    const refused = await checks.authenticate(header(token), ADDRESS).catch((error: unknown) => error);
    expect(refused).toMatchObject({ code: 'UNAUTHENTICATED' });
    expect(String(refused)).not.toContain(token.slice(20));
  });

  test('no header at all', async () => {
    const { access } = await prepared();
    await using checks = access.check();
    await expect(checks.authenticate(undefined, '127.0.0.1')).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
  });

  test('an unknown id and a wrong secret are refused with the same words', async () => {
    const { access } = await prepared();
    await using checks = access.check();
    const { token } = await access.make();
    const said = async (text: string): Promise<string> =>
      checks.authenticate(`Bearer ${text}`, ADDRESS).then(String, (error: Error) => error.message);
    expect(await said(`${token.slice(0, -52)}${'a'.repeat(52)}`)).toBe(await said(A_TOKEN));
  });

  test('random texts never throw anything but the two errors, and never let anybody in', async () => {
    const { access } = await prepared();
    await using checks = access.check({ failuresPerMinute: 500 });
    const units = fc.array(fc.nat(0xffff)).map((codes) => String.fromCharCode(...codes));
    const alphabet = fc.constantFrom(...Array.from('abcdefghijklmnopqrstuvwxyz234567'));
    const word = (length: number): fc.Arbitrary<string> =>
      fc.array(alphabet, { minLength: length, maxLength: length }).map((letters) => letters.join(''));
    const almost = fc
      .tuple(word(16), word(51), fc.constantFrom('a', 'q'))
      .map(([a, b, c]) => `Bearer wb_${a}_${b}${c}`);
    const header = fc.oneof(
      units,
      fc.string().map((text) => `Bearer ${text}`),
      almost,
    );
    await fc.assert(
      fc.asyncProperty(header, fc.oneof(fc.ipV4(), fc.ipV6(), fc.string()), async (authorization, address) => {
        const found = await checks.authenticate(authorization, address).catch((error: unknown) => error);
        expect(found).toBeInstanceOf(ConsumerError);
        expect(['UNAUTHENTICATED', 'RATE_LIMITED']).toContain((found as ConsumerError).code);
      }),
      { numRuns: 600 },
    );
  });
});

test('a token is what it was made as, in any case of the scheme', async () => {
  const { access } = await prepared();
  await using checks = access.check();
  const { token, id } = await access.make({ scopes: ['verify', 'usage:read'], organizations: ['b', 'a', 'a'] });
  expect(token).toMatch(/^wb_[a-z2-7]{16}_[a-z2-7]{52}$/);
  for (const scheme of ['Bearer', 'bearer', 'BEARER']) {
    const principal = await checks.authenticate(`${scheme} ${token}`, ADDRESS);
    expect(principal).toEqual({
      kind: 'token',
      id,
      scopes: new Set(['usage:read', 'verify']),
      organizations: new Set(['a', 'b']),
      expiresAt: expect.any(Date),
    });
    expect(await checks.isValid(principal)).toBe(true);
  }
});

test('the stream has the hash of a token, and nothing else of its secret', async () => {
  const { access } = await prepared();
  const { token, id } = await access.make({ organizations: 'all' });
  const { streams } = await jetstreamManager(access.nc);
  const stored = (
    await streams.getMessage(access.at.stream, { last_by_subj: `${access.at.prefix}.token.${id}` })
  )?.string();
  expect(stored).toContain('"organizations":"all"');
  expect(stored).not.toContain(token.slice(20, 40));
  expect(JSON.stringify(await listTokens(access.at))).not.toContain(token.slice(20, 40));
});

test.for<[what: string, change: (record: Record<string, unknown>) => unknown]>([
  ['no JSON', () => '{'],
  ['a newer version', (record) => ({ ...record, v: 2 })],
  ['the record of another token', (record) => ({ ...record, id: 'b'.repeat(16) })],
  ['a member that nobody knows', (record) => ({ ...record, sudo: true })],
  ['a scope that nobody knows', (record) => ({ ...record, scopes: ['root'] })],
  ['a wildcard', (record) => ({ ...record, organizations: ['*'] })],
  ['no organization', (record) => ({ ...record, organizations: [] })],
  ['the system chain', (record) => ({ ...record, organizations: ['_system'] })],
  ['no end', (record) => ({ ...record, expires_at: undefined })],
  ['an end that is no time', (record) => ({ ...record, expires_at: 'never' })],
])('a record with %s lets nobody in', async ([, change]) => {
  const { access } = await prepared();
  const { token, id } = await access.make();
  const subject = `${access.at.prefix}.token.${id}`;
  const { streams } = await jetstreamManager(access.nc);
  const record = (await streams.getMessage(access.at.stream, { last_by_subj: subject }))?.json<
    Record<string, unknown>
  >();
  const changed = change(record ?? {});
  await jetstream(access.nc).publish(subject, typeof changed === 'string' ? changed : JSON.stringify(changed));
  await using checks = access.check();
  await expect(checks.authenticate(`Bearer ${token}`, ADDRESS)).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
  expect(access.log.join()).toContain(id);
});

test('a token that has expired, and one that was revoked, say so to whoever has the secret, and to nobody else', async () => {
  const { access } = await prepared();
  await using checks = access.check();
  const { token: old, id: oldId } = await access.make({ expiresInMs: 1_000 });
  const { token: gone, id: goneId } = await access.make();
  await revokeToken(access.at, goneId, 'tester');
  const said = async (text: string): Promise<string> =>
    checks.authenticate(`Bearer ${text}`, ADDRESS).then(String, (error: Error) => error.message);
  await expect.poll(() => said(old)).toBe(`the token ${oldId} is expired`);
  expect(await said(gone)).toBe(`the token ${goneId} is revoked`);
  expect(await said(`${gone.slice(0, -52)}${'a'.repeat(52)}`)).toBe(await said(A_TOKEN));
});

test('two who revoke at once: one revokes, the record is kept, and the other learns of it', async () => {
  const { access } = await prepared();
  const { id } = await access.make({ name: 'of two' });
  const done = await Promise.all(['a', 'b', 'c'].map((by) => revokeToken(access.at, id, by)));
  expect(done.filter(({ isNew }) => isNew)).toHaveLength(1);
  const records = (await listTokens(access.at)).filter((record) => record.id === id);
  expect(records).toMatchObject([{ name: 'of two', revoked_at: expect.any(String), created_by: 'tester' }]);
  const { state } = await (
    await jetstreamManager(access.nc)
  ).streams.info(access.at.stream, {
    subjects_filter: `${access.at.prefix}.token.${id}`,
  });
  expect(Object.values(state.subjects ?? {})).toEqual([2]);
  await expect(revokeToken(access.at, 'a'.repeat(16), 'x')).rejects.toMatchObject({ code: 'NO_TOKEN' });
  await expect(revokeToken(access.at, A_TOKEN, 'x')).rejects.toThrow(/^the id of a token is the part/);
});

test.for<[what: string, request: object, said: RegExp]>([
  ['for ever', { expiresInMs: Infinity }, /1 second to 366 days/],
  ['a year and two days', { expiresInMs: 368 * 86_400_000 }, /1 second to 366 days/],
  ['no time', { expiresInMs: 0 }, /1 second to 366 days/],
  ['NaN', { expiresInMs: Number.NaN }, /1 second to 366 days/],
  ['a year, for an auditor', { scopes: ['entries:read'], expiresInMs: 366 * 86_400_000 }, /1 second to 90 days/],
  ['a year of exports', { scopes: ['usage:read', 'export'], expiresInMs: 91 * 86_400_000 }, /1 second to 90 days/],
  ['no scope', { scopes: [] }, /scopes are none/],
  ['a scope that nobody knows', { scopes: ['usage:write'] }, /scopes are usage:write/],
  ['no organization', { organizations: [] }, /names no organization/],
  ['a wildcard', { organizations: ['*'] }, /organization "\*"/],
  ['the system chain', { organizations: ['_system'] }, /organization "_system"/],
  ['no name', { name: ' ' }, /its name has 1 to 128/],
  ['a name of two lines', { name: 'a\nb' }, /its name has 1 to 128/],
])('no token is made for %s', async ([, request, said]) => {
  const { access } = await prepared();
  const whole = { name: 'x', scopes: ['usage:read'], organizations: ['acme'], by: 'tester', ...request } as const;
  await expect(createToken(access.at, whole as never)).rejects.toMatchObject({
    code: 'BAD_ARGUMENT',
    message: expect.stringMatching(said),
  });
});

test('how long a token lives when nobody says', async () => {
  const { access } = await prepared();
  const days = async (scopes: readonly string[]): Promise<number> => {
    const { id } = await access.make({ scopes: scopes as never });
    const record = (await listTokens(access.at)).find((one) => one.id === id);
    return (Date.parse(record?.expires_at ?? '') - Date.parse(record?.created_at ?? '')) / 86_400_000;
  };
  expect(await days(['usage:read', 'verify'])).toBe(90);
  expect(await days(['entries:read'])).toBe(30);
});
