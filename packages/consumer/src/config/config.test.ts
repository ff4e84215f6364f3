import { describe, expect, test } from 'vitest';
import { ConsumerError } from '../errors.ts';
import { readConfig } from './config.ts';

function refusal(env: Record<string, string>): string {
  try {
    readConfig(env);
  } catch (error) {
    if (error instanceof ConsumerError && error.code === 'BAD_CONFIG') return error.message;
    throw error;
  }
  throw new Error('was not refused');
}

test('nothing set', () => {
  expect(readConfig({})).toEqual({
    nats: { servers: ['127.0.0.1:4222'], tls: false, inboxPrefix: '_INBOX.waybill' },
    settings: { auditStream: 'AUDIT', ledgerStream: 'LEDGER', auditPrefix: 'audit', ledgerPrefix: 'ledger' },
    streamMode: 'deploy',
    replicas: 1,
    auditMaxAgeMs: 0,
    auditMaxBytes: 0,
    ledgerMaxBytes: 0,
    checkIntervalMs: 60_000,
    fastPaths: true,
    bill: { issuer: 'waybill', keyFile: null },
    logLevel: 'info',
    http: null,
    role: 'all',
    api: null,
    ignored: [],
  });
  expect(readConfig({ WAYBILL_REPLICAS: '' }).replicas).toBe(1);
  expect(readConfig({ WAYBILL_FAST: '0' }).fastPaths).toBe(false);
});

test('durations, sizes and several servers', () => {
  const config = readConfig({
    WAYBILL_NATS_URL: 'nats://a:1, tls://b , [::1]:7',
    WAYBILL_AUDIT_MAX_AGE: '400d',
    WAYBILL_AUDIT_MAX_BYTES: '20GiB',
    WAYBILL_LEDGER_MAX_BYTES: '500MB',
    WAYBILL_HTTP_PORT: '0',
  });
  expect(config).toMatchObject({
    nats: { servers: ['a:1', 'b:4222', '[::1]:7'], tls: true },
    auditMaxAgeMs: 34_560_000_000,
    auditMaxBytes: 20 * 2 ** 30,
    ledgerMaxBytes: 500_000_000,
    http: { port: 0, host: '127.0.0.1' },
  });
});

test('an identity in the URL', () => {
  expect(readConfig({ WAYBILL_NATS_URL: 'nats://me:p%40ss@host' }).nats).toMatchObject({
    user: 'me',
    password: 'p@ss',
    servers: ['host:4222'],
  });
});

test('a token in the URL', () => {
  expect(readConfig({ WAYBILL_NATS_URL: 'nats://t0ken@host' }).nats).toMatchObject({ token: 't0ken', user: undefined });
});

test('the inbox prefix is the one that the shipped configuration gives the user', () => {
  const inboxOf = (env: Record<string, string>) => readConfig(env).nats.inboxPrefix;
  expect(inboxOf({ WAYBILL_NATS_USER: 'service', WAYBILL_NATS_PASSWORD: 'p' })).toBe('_INBOX.service');
  expect(inboxOf({ WAYBILL_NATS_URL: 'nats://auditor:p@host' })).toBe('_INBOX.auditor');
  expect(inboxOf({ WAYBILL_NATS_URL: 'nats://t0ken@host' })).toBe('_INBOX.waybill');
  expect(inboxOf({ WAYBILL_NATS_URL: 'nats://a.b:p@host' })).toBe('_INBOX.waybill');
  expect(inboxOf({ WAYBILL_NATS_URL: 'nats://service:p@host', WAYBILL_NATS_INBOX_PREFIX: '_INBOX.other' })).toBe(
    '_INBOX.other',
  );
});

describe('a wrong value names the variable, the value and what is expected', () => {
  test.each<[Record<string, string>, string]>([
    [{ WAYBILL_REPLICAS: '6' }, 'WAYBILL_REPLICAS is "6": expected a whole number from 1 to 5'],
    [
      { WAYBILL_AUDIT_MAX_AGE: '1 year' },
      'WAYBILL_AUDIT_MAX_AGE is "1 year": expected a duration such as 90d, 36h, 15m, 30s or 0',
    ],
    [
      { WAYBILL_AUDIT_MAX_BYTES: '-1' },
      'WAYBILL_AUDIT_MAX_BYTES is "-1": expected a number of bytes such as 1000000, 500MB, 20GiB or 0',
    ],
    [{ WAYBILL_AUDIT_MAX_BYTES: '9007199254TiB' }, 'WAYBILL_AUDIT_MAX_BYTES is "9007199254TiB"'],
    [{ WAYBILL_STREAM_MODE: 'create' }, 'WAYBILL_STREAM_MODE is "create": expected one of deploy, check, bind'],
    [{ WAYBILL_AUDIT_PREFIX: 'audit.>' }, 'WAYBILL_AUDIT_PREFIX is "audit.>": expected subject tokens'],
    [{ WAYBILL_LEDGER_STREAM: 'a b' }, 'WAYBILL_LEDGER_STREAM is "a b": expected a stream name'],
    [{ WAYBILL_LEDGER_STREAM: 'AUDIT' }, 'WAYBILL_AUDIT_STREAM and WAYBILL_LEDGER_STREAM are both AUDIT'],
    [
      { WAYBILL_LEDGER_PREFIX: 'audit.ledger' },
      'WAYBILL_LEDGER_PREFIX is audit.ledger, within WAYBILL_AUDIT_PREFIX (audit)',
    ],
    [{ WAYBILL_NATS_URL: 'http://host' }, 'WAYBILL_NATS_URL: expected host, host:port, nats://host:port'],
    [{ WAYBILL_NATS_USER: 'me' }, 'WAYBILL_NATS_USER is set and WAYBILL_NATS_PASSWORD is not'],
    [{ WAYBILL_NATS_TLS_KEY_FILE: 'k' }, 'WAYBILL_NATS_TLS_KEY_FILE is set and WAYBILL_NATS_TLS_CERT_FILE is not'],
    [
      { WAYBILL_NATS_TOKEN: 't', WAYBILL_NATS_CREDS_FILE: 'c' },
      'WAYBILL_NATS_TOKEN and WAYBILL_NATS_CREDS_FILE are set',
    ],
    [
      { WAYBILL_NATS_URL: 'nats://me:x@host', WAYBILL_NATS_TOKEN: 't' },
      'WAYBILL_NATS_URL has a user or token, and another identity is set',
    ],
    [{ WAYBILL_REPLICA: '3' }, 'WAYBILL_REPLICA is not a variable of Waybill: did you mean WAYBILL_REPLICAS?'],
    [{ WAYBILL_NATS_URI: 'x' }, 'did you mean WAYBILL_NATS_URL?'],
  ])('%j', (env, message) => {
    expect(refusal(env)).toContain(message);
  });
});

test.each(['hun/ter', 'hun@ter/', '12/ter', '12#ter', 'hunter%', 'hunter%2', 'hun?ter'])(
  'a password that is not percent-encoded (%s) is refused and not shown',
  (password) => {
    for (const url of [`nats://me:${password}@host`, `me:${password}@host`, `nats://a,nats://me:${password}@host`]) {
      const message = refusal({ WAYBILL_NATS_URL: url });
      expect(message).toContain('percent-encoded');
      expect(message).not.toMatch(/hun|ter|12/);
    }
  },
);

test('secrets are not in messages', () => {
  for (const url of ['nats://me:hunter2/x@host', 'nats://me:100%hunter2@host', 'nats://me:1/hunter2@host'])
    expect(refusal({ WAYBILL_NATS_URL: url })).toMatch(/^WAYBILL_NATS_URL: expected (?!.*hunter2)/);
  expect(refusal({ WAYBILL_NATS_URL: 'nats://me:hunter2@host/path' })).not.toContain('hunter2');
  expect(refusal({ WAYBILL_NATS_PASSWORD: 'hunter2' })).not.toContain('hunter2');
});

test('what Kubernetes sets for a service named waybill is not taken for a typing error', () => {
  const env = {
    WAYBILL_PORT: 'tcp://10.0.0.1:80',
    WAYBILL_SERVICE_HOST: '10.0.0.1',
    WAYBILL_PORT_80_TCP_ADDR: '10.0.0.1',
  };
  expect(readConfig(env).ignored).toEqual(Object.keys(env));
});
