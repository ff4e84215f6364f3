/** JWTs: attacks on their signatures and claims, with an issuer whose keys are fetched over HTTP. */
import { createHmac, createPublicKey, generateKeyPairSync } from 'node:crypto';
import type { AccessHandle, JwtConfig } from '@waybill/consumer';
import fc from 'fast-check';
import { afterAll, expect, test } from 'vitest';
import { ADDRESS, prepareAccess, type TestAccess } from '../support/access.ts';
import {
  type Algorithm,
  AUDIENCE,
  base64url,
  ISSUER,
  type Issuer,
  type Jwk,
  signJwt,
  startIssuer,
} from '../support/issuer.ts';
import { startNats } from '../support/nats.ts';

const parts = new AsyncDisposableStack();
afterAll(() => parts.disposeAsync());
let shared: Promise<{ access: TestAccess; issuer: Issuer; checks: AccessHandle }> | undefined;
const prepared = (): NonNullable<typeof shared> =>
  (shared ??= (async () => {
    const access = await prepareAccess(parts.use(await startNats()));
    const issuer = parts.use(await startIssuer());
    const checks = parts.use(access.check({ jwt: jwtConfig(issuer) }));
    return { access, issuer, checks };
  })());

function jwtConfig({ url }: Issuer, own: Partial<JwtConfig> = {}): JwtConfig {
  return {
    issuer: ISSUER,
    audience: AUDIENCE,
    jwksUrl: url,
    algorithms: ['RS256', 'PS256', 'ES256', 'EdDSA'],
    scopesClaim: 'scope',
    scopes: new Map([
      ['billing', ['usage:read']],
      ['auditor', ['entries:read', 'verify']],
    ]),
    organizationsClaim: 'orgs',
    maxAgeMs: 86_400_000,
    ...own,
  };
}

const now = (): number => Math.floor(Date.now() / 1_000);
const CLAIMS = { iss: ISSUER, aud: AUDIENCE, sub: 'u-7', exp: now() + 300, scope: 'billing', orgs: ['acme'] };
const own = generateKeyPairSync('ec', { namedCurve: 'P-256' });

/** Signed by a key of the attacker's. */
function forge(header: object): string {
  return signJwt({ alg: 'ES256', kid: 'key-1', ...header }, CLAIMS, { alg: 'ES256', key: own.privateKey });
}

/** HS256 with the bytes of a public key as the secret. */
function withHmac(secret: string | Buffer, header: object = {}): string {
  const text = `${base64url({ alg: 'HS256', kid: 'key-1', ...header })}.${base64url(CLAIMS)}`;
  return `${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`;
}

function pemOf(key: Jwk): string {
  return createPublicKey({ key, format: 'jwk' }).export({ type: 'spki', format: 'pem' });
}

test('a JWT is who its claims name, with the scopes that configuration gives them', async () => {
  const { checks, issuer } = await prepared();
  const token = issuer.sign({ scope: 'billing openid auditor', orgs: ['acme', 'bolt'] });
  const principal = await checks.authenticate(`bearer ${token}`, ADDRESS);
  expect(principal).toEqual({
    kind: 'jwt',
    id: 'jwt:u-7',
    scopes: new Set(['usage:read', 'entries:read', 'verify']),
    organizations: new Set(['acme', 'bolt']),
    expiresAt: expect.any(Date),
  });
  expect(await checks.isValid(principal)).toBe(true);
  expect(await checks.isValid({ ...principal, expiresAt: new Date(Date.now() - 1) })).toBe(false);
});

const ATTACKS: Readonly<Record<string, (issuer: Issuer) => string>> = {
  'alg none': () => `${base64url({ alg: 'none' })}.${base64url(CLAIMS)}.`,
  'alg none with a signature': () => `${base64url({ alg: 'none', kid: 'key-1' })}.${base64url(CLAIMS)}.aaaa`,
  'alg nOnE': () => `${base64url({ alg: 'nOnE', kid: 'key-1' })}.${base64url(CLAIMS)}.aaaa`,
  'HS256 with the public key as PEM': ({ publicKey }) => withHmac(pemOf(publicKey)),
  'HS256 with the public key as JSON': ({ publicKey }) => withHmac(JSON.stringify(publicKey)),
  'HS256 with the x of the public key': ({ publicKey }) => withHmac(Buffer.from(publicKey.x ?? '', 'base64url')),
  'HS256 with an empty secret': () => withHmac(''),
  'HS256 with its secret as jwk in the header': () =>
    withHmac('k', { jwk: { kty: 'oct', k: Buffer.from('k').toString('base64url') } }),
  'the key of the attacker': () => forge({}),
  'the key of the attacker, without a kid': () => forge({ kid: undefined }),
  'the key of the attacker in the header': () => forge({ jwk: own.publicKey.export({ format: 'jwk' }) }),
  'the key of the attacker in the header, without a kid': () =>
    forge({ kid: undefined, jwk: own.publicKey.export({ format: 'jwk' }) }),
  'a kid that is a path': () => forge({ kid: '../../../../dev/null' }),
  'a kid that is an object': () => forge({ kid: { toString: 'key-1' } }),
  'a critical header that nobody knows': () => forge({ crit: ['b64'], b64: false }),
  'an algorithm that the key is not for': () => forge({ alg: 'ES384' }),
  'another algorithm of RSA': () => forge({ alg: 'RS256' }),
  'the signature of another token': (issuer) => {
    const [header, , signature] = issuer.sign().split('.');
    return `${header}.${base64url({ ...CLAIMS, orgs: ['victim'] })}.${signature}`;
  },
  'a signature of zeros': (issuer) => `${issuer.sign().replace(/[^.]+$/, '')}${Buffer.alloc(64).toString('base64url')}`,
  'no signature': (issuer) => issuer.sign().replace(/[^.]+$/, ''),
  'a part too many': (issuer) => `${issuer.sign()}.aaaa`,
  'a body that is no object': (issuer) => issuer.sign().replace(/\.[^.]+\./, `.${base64url([1])}.`),
};

test.for(Object.keys(ATTACKS))('a forged JWT: %s', async (name) => {
  const { checks, issuer } = await prepared();
  const forged = (ATTACKS[name] as (typeof ATTACKS)[string])(issuer);
  await expect(checks.authenticate(`Bearer ${forged}`, ADDRESS)).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
});

test.for<[what: string, claims: object]>([
  ['another issuer', { iss: 'https://evil.example/' }],
  ['an issuer without its slash', { iss: 'https://id.example' }],
  ['an issuer in an array', { iss: [ISSUER] }],
  ['no issuer', { iss: undefined }],
  ['another audience', { aud: 'grafana' }],
  ['other audiences', { aud: ['grafana', 'waybill2'] }],
  ['an audience that is an object', { aud: { waybill: true } }],
  ['no audience', { aud: undefined }],
  ['no end', { exp: undefined }],
  ['an end that is a text', { exp: String(now() + 300) }],
  ['an end that is past by more than 30 s', { exp: now() - 31 }],
  ['an end in 25 hours', { exp: now() + 90_000 }],
  ['an end that no clock can have', { exp: Number.MAX_VALUE }],
  ['a beginning in an hour', { nbf: now() + 3_600 }],
  ['nobody', { sub: undefined }],
  ['a subject that is empty', { sub: '' }],
  ['a subject that is a number', { sub: 7 }],
  ['no organizations', { orgs: undefined }],
  ['an empty list of organizations', { orgs: [] }],
  ['organizations that are empty', { orgs: ' ' }],
  ['a wildcard', { orgs: ['*'] }],
  ['a wildcard beside a name', { orgs: ['acme', '>'] }],
  ['a wildcard as a text', { orgs: '*' }],
  ['all', { orgs: true }],
  ['organizations that are an object', { orgs: { acme: true } }],
  ['an organization that is a number', { orgs: ['acme', 7] }],
  ['the system chain', { orgs: ['_system'] }],
  ['the chain of nobody', { orgs: ['_unattributed'] }],
  ['an organization with a path', { orgs: ['acme/../bolt'] }],
  ['1,001 organizations', { orgs: Array.from({ length: 1_001 }, (_, i) => `o${i}`) }],
])('a JWT that is well signed, with %s', async ([, claims]) => {
  const { checks, issuer } = await prepared();
  const token = issuer.sign(claims);
  await expect(checks.authenticate(`Bearer ${token}`, ADDRESS)).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
});

test('no subject can have the name that another one gets', async () => {
  const { checks, issuer } = await prepared();
  const idOf = async (sub: string): Promise<string> =>
    (await checks.authenticate(`Bearer ${issuer.sign({ sub })}`, ADDRESS)).id;
  const other = await idOf('somebody with a longer name');
  expect(other).toMatch(/^jwt:sha256:[0-9a-f]{48}$/);
  const same = await idOf(other.slice('jwt:'.length));
  expect(same).toMatch(/^jwt:sha256:[0-9a-f]{48}$/);
  expect(same).not.toBe(other);
});

test('a clock may be 30 s wrong, and no more', async () => {
  const { checks, issuer } = await prepared();
  const token = issuer.sign({ exp: now() - 5, nbf: now() + 20 });
  expect(await checks.authenticate(`Bearer ${token}`, ADDRESS)).toMatchObject({ id: 'jwt:u-7' });
});

test('all is a name like any other, and no scope is given that is not listed', async () => {
  const { checks, issuer } = await prepared();
  for (const scope of [undefined, '', 'usage:read', 'admin', 'constructor', ['toString'], { billing: true }, 7]) {
    const principal = await checks.authenticate(`Bearer ${issuer.sign({ scope, orgs: ['all'] })}`, ADDRESS);
    expect(principal).toMatchObject({ scopes: new Set(), organizations: new Set(['all']) });
  }
});

test('claims by JSON pointers', async () => {
  const { access, issuer } = await prepared();
  const config = jwtConfig(issuer, { scopesClaim: '/realm_access/roles', organizationsClaim: '/https:~1~1x~1/orgs' });
  await using checks = access.check({ jwt: config });
  const claims = { realm_access: { roles: ['auditor'] }, 'https://x/': { orgs: 'acme bolt' } };
  expect(await checks.authenticate(`Bearer ${issuer.sign(claims)}`, ADDRESS)).toMatchObject({
    scopes: new Set(['entries:read', 'verify']),
    organizations: new Set(['acme', 'bolt']),
  });
});

test.for<Algorithm>(['RS256', 'PS256', 'EdDSA'])('%s', async (alg) => {
  const { access } = await prepared();
  await using issuer = await startIssuer(alg);
  await using checks = access.check({ jwt: jwtConfig(issuer) });
  expect(await checks.authenticate(`Bearer ${issuer.sign()}`, ADDRESS)).toMatchObject({ id: 'jwt:u-7' });
  await using others = access.check({ jwt: jwtConfig(issuer, { algorithms: ['ES256'] }) });
  await expect(others.authenticate(`Bearer ${issuer.sign()}`, ADDRESS)).rejects.toThrow('not accepted');
});

test('addresses in a header are not asked: jku, x5u, and an issuer that redirects', async () => {
  const { access, issuer } = await prepared();
  await using evil = await startIssuer();
  await using checks = access.check({ jwt: jwtConfig(issuer) });
  for (const header of [{ jku: evil.url }, { x5u: evil.url }, { jku: evil.url, kid: 'key-9' }]) {
    await expect(checks.authenticate(`Bearer ${evil.sign({}, header)}`, ADDRESS)).rejects.toMatchObject({
      code: 'UNAUTHENTICATED',
    });
  }
  await using moved = await startIssuer();
  moved.answerWith({ status: 302, body: '', location: evil.url });
  await using redirected = access.check({ jwt: jwtConfig(moved) });
  await expect(redirected.authenticate(`Bearer ${evil.sign()}`, ADDRESS)).rejects.toMatchObject({
    code: 'UNAVAILABLE',
  });
  expect([moved.requests, evil.requests]).toEqual([1, 0]);
});

test('1,000 unknown keys are one question to the issuer', async () => {
  const { access } = await prepared();
  await using issuer = await startIssuer();
  await using checks = access.check({ jwt: jwtConfig(issuer) });
  const asked = Array.from({ length: 1_000 }, (_, i) =>
    checks.authenticate(`Bearer ${forge({ kid: `k${i}` })}`, ADDRESS),
  );
  const codes = (await Promise.allSettled(asked)).map((one) => one.status === 'rejected' && one.reason.code);
  expect(new Set(codes)).toEqual(new Set(['UNAUTHENTICATED']));
  expect(issuer.requests).toBe(1);
});

test.for<[what: string, status: number, body: string]>([
  ['an error', 500, ''],
  ['no JSON', 200, '<html>'],
  ['no keys', 200, '{}'],
  ['null', 200, 'null'],
  ['keys that are none', 200, '{"keys":[1]}'],
  ['a megabyte', 200, JSON.stringify({ keys: [], x: 'x'.repeat(1 << 20) })],
])('an issuer that answers with %s: nobody is let in, and it is left alone for a while', async ([, status, body]) => {
  const { access } = await prepared();
  await using issuer = await startIssuer();
  issuer.answerWith({ status, body });
  await using checks = access.check({ jwt: jwtConfig(issuer), failuresPerMinute: 1 });
  const token = `Bearer ${issuer.sign()}`;
  for (let i = 0; i < 20; i++) {
    await expect(checks.authenticate(token, ADDRESS)).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      retryAfterMs: 5_000,
    });
  }
  expect(issuer.requests).toBe(1);
});

test('random texts in the form of a JWT are refused, and nothing else happens', async () => {
  const { checks } = await prepared();
  const segment = fc.oneof(
    fc.json().map((text) => Buffer.from(text).toString('base64url')),
    fc.record({ alg: fc.constantFrom('none', 'HS256', 'ES256', 'RS256', '', null), kid: fc.anything() }).map(base64url),
    fc.stringMatching(/^[\w-]{1,20}$/),
  );
  await fc.assert(
    fc.asyncProperty(segment, segment, segment, async (a, b, c) => {
      const found = await checks.authenticate(`Bearer ${a}.${b}.${c}`, ADDRESS).catch((error: unknown) => error);
      expect(found).toMatchObject({ code: 'UNAUTHENTICATED' });
    }),
    { numRuns: 300 },
  );
});
