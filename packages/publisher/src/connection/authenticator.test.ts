import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as transport from '@nats-io/transport-node';
import { expect, test } from 'vitest';
import type { Credentials } from '../credentials.ts';
import { createPublisher } from '../publisher/publisher.ts';
import { createAuthenticator } from './authenticator.ts';

const options = { servers: 'nats://127.0.0.1:1', source: '//x', logger: { info: () => {}, warn: () => {} } };
const SECRET = 'hunter2-secret';

function temporaryFolder(): Disposable & { readonly path: string } {
  const path = mkdtempSync(join(tmpdir(), 'waybill-credentials-'));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true }) };
}

test.for([
  [{}, 'exactly one of'],
  [null, 'exactly one of'],
  [SECRET, 'exactly one of'],
  [{ user: SECRET }, 'got user'],
  [{ token: SECRET, nkeySeed: SECRET }, 'got nkeySeed, token'],
  [{ credsFile: '' }, 'credentials.credsFile'],
  [{ token: 7 }, 'credentials.token'],
  [{ nkeySeed: SECRET }, 'credentials.nkeySeed'],
] as const)('%o are refused, and no value is shown', ([credentials, message]) => {
  const create = () => createPublisher({ ...options, credentials: credentials as never });
  expect(create).toThrow(
    expect.objectContaining({ code: 'INVALID_OPTIONS', message: expect.stringContaining(message) }),
  );
  expect(create).not.toThrow(SECRET);
});

test('credentials are refused beside others, and beside a connection', () => {
  const credentials = { token: SECRET };
  for (const connect of [{ token: SECRET }, { user: 'u' }, { authenticator: () => {} }]) {
    expect(() => createPublisher({ ...options, credentials, connect })).toThrow('or connect.');
  }
  expect(() => createPublisher({ ...options, servers: '', connection: 'later', credentials })).toThrow(
    'servers with them',
  );
});

test('files with the line ends of Windows are accepted', () => {
  using folder = temporaryFolder();
  const user = transport.nkeys.createUser();
  const seed = Buffer.from(user.getSeed()).toString();
  const block = (kind: string, text: string): string =>
    `-----BEGIN ${kind}-----\r\n${text}\r\n------END ${kind}------\r\n`;
  const credsFile = join(folder.path, 'creds');
  writeFileSync(credsFile, `${block('NATS USER JWT', 'a.b.c')}\r\n${block('USER NKEY SEED', seed)}`);
  const nkeySeedFile = join(folder.path, 'nkey');
  writeFileSync(nkeySeedFile, `${seed}\r\n`);
  const nkey = user.getPublicKey();
  expect(createAuthenticator({ credsFile }, transport)('nonce')).toMatchObject({ jwt: 'a.b.c', nkey });
  expect(createAuthenticator({ nkeySeedFile }, transport)('nonce')).toMatchObject({ nkey });
});

test('a member that is undefined counts as absent', () => {
  const credentials = { token: undefined, credsFile: undefined, user: 'u', pass: SECRET } as unknown as Credentials;
  expect(createAuthenticator(credentials, transport)()).toEqual({ user: 'u', pass: SECRET });
  const file = { user: undefined, pass: undefined, nkeySeedFile: '/does/not/exist' } as unknown as Credentials;
  expect(() => createAuthenticator(file, transport)).toThrow(
    'credentials.nkeySeedFile: /does/not/exist cannot be read',
  );
});
