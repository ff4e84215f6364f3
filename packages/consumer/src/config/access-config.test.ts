import { expect, test } from 'vitest';
import { readConfig } from './config.ts';
import { isLoopback } from './loopback.ts';

const JWT = {
  WAYBILL_JWT_ISSUER: 'https://id.example/',
  WAYBILL_JWT_AUDIENCE: 'waybill',
  WAYBILL_JWT_JWKS_URL: 'https://id.example/keys',
  WAYBILL_JWT_SCOPES: 'billing=usage:read; a=b=entries:read,verify',
  WAYBILL_JWT_ORGANIZATIONS_CLAIM: 'orgs',
};

test('a second identity, on the same servers, has nothing of the first one', () => {
  const { nats, access } = readConfig({
    WAYBILL_NATS_URL: 'tls://me:hunter2@a:1,b',
    WAYBILL_NATS_TLS_CA_FILE: 'ca',
    WAYBILL_ACCESS_NATS_USER: 'access-reader',
    WAYBILL_ACCESS_NATS_PASSWORD: 'p',
  });
  expect(nats.user).toBe('me');
  expect(access.nats).toMatchObject({
    servers: ['a:1', 'b:4222'],
    tls: true,
    tlsCaFile: 'ca',
    user: 'access-reader',
    password: 'p',
    token: undefined,
    inboxPrefix: '_INBOX.access-reader',
    variables: 'WAYBILL_ACCESS_NATS',
  });
});

test('JWTs, as they are configured', () => {
  const { jwt } = readConfig(JWT).access;
  expect(jwt).toMatchObject({ algorithms: ['RS256', 'PS256', 'ES256', 'EdDSA'], maxAgeMs: 86_400_000 });
  expect([...(jwt?.scopes ?? [])]).toEqual([
    ['billing', ['usage:read']],
    ['a=b', ['entries:read', 'verify']],
  ]);
});

test.each<[Record<string, string>, string]>([
  [{ WAYBILL_OPERATOR_ORG: '_system' }, 'expected an organization'],
  [{ WAYBILL_ACCESS_STREAM: 'AUDIT' }, 'WAYBILL_ACCESS_STREAM is AUDIT'],
  [{ WAYBILL_ACCESS_PREFIX: 'audit.x' }, 'WAYBILL_ACCESS_PREFIX is audit.x'],
  [{ WAYBILL_ACCESS_PREFIX: 'acme', WAYBILL_AUDIT_PREFIX: 'acme.audit' }, 'WAYBILL_ACCESS_PREFIX is acme'],
  [{ WAYBILL_ACCESS_NATS_USER: 'a' }, 'WAYBILL_ACCESS_NATS_USER is set and WAYBILL_ACCESS_NATS_PASSWORD is not'],
  [{ WAYBILL_ACCESS_NATS_URL: 'http://x' }, 'WAYBILL_ACCESS_NATS_URL: expected host'],
  [{ ...JWT, WAYBILL_JWT_AUDIENCE: '' }, 'WAYBILL_JWT_AUDIENCE not: expected all of them or none'],
  [{ ...JWT, WAYBILL_JWT_JWKS_URL: 'http://id.example/keys' }, 'WAYBILL_JWT_JWKS_URL: expected an https URL'],
  [{ ...JWT, WAYBILL_JWT_JWKS_URL: 'https://u:hunter2@id.example/' }, 'WAYBILL_JWT_JWKS_URL: expected an https URL'],
  [{ ...JWT, WAYBILL_JWT_JWKS_URL: 'file:///etc/keys' }, 'WAYBILL_JWT_JWKS_URL: expected an https URL'],
  [{ ...JWT, WAYBILL_JWT_ALGORITHMS: 'RS256,HS256' }, 'WAYBILL_JWT_ALGORITHMS is "RS256,HS256"'],
  [{ ...JWT, WAYBILL_JWT_ALGORITHMS: 'none' }, 'WAYBILL_JWT_ALGORITHMS is "none"'],
  [{ ...JWT, WAYBILL_JWT_ALGORITHMS: ',' }, 'WAYBILL_JWT_ALGORITHMS'],
  [{ ...JWT, WAYBILL_JWT_SCOPES: 'billing' }, 'WAYBILL_JWT_SCOPES is "billing"'],
  [{ ...JWT, WAYBILL_JWT_SCOPES: 'billing=usage' }, 'WAYBILL_JWT_SCOPES'],
  [{ ...JWT, WAYBILL_JWT_SCOPES: 'a=verify;a=export' }, 'WAYBILL_JWT_SCOPES'],
])('%j', (env, message) => {
  expect(() => readConfig(env)).toThrow(expect.objectContaining({ code: 'BAD_CONFIG' }));
  expect(() => readConfig(env)).toThrow(message);
  expect(() => readConfig(env)).not.toThrow('hunter2');
});

test('loopback addresses', () => {
  for (const host of ['127.0.0.1', '127.9.9.9', '::1', '[::1]', 'localhost', 'LOCALHOST', '::ffff:127.0.0.1'])
    expect(isLoopback(host), host).toBe(true);
  for (const host of [
    '0.0.0.0',
    '::',
    '',
    '10.0.0.1',
    '127.0.0.1.example',
    'localhost.example',
    '127.1',
    '::ffff:10.0.0.1',
  ])
    expect(isLoopback(host), host).toBe(false);
});
