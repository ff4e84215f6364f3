/**
 * How the publisher proves to the server who it is. Files are read at every dial, the client's own reconnects included,
 * so a rotated file counts from the next dial on. No message contains a secret.
 */
import { readFileSync } from 'node:fs';
import type * as client from '@nats-io/transport-node';
import type { Credentials } from '../credentials.ts';

type Given = Partial<Record<'credsFile' | 'nkeySeedFile' | 'nkeySeed' | 'token' | 'user' | 'pass', string>>;

const KINDS = ['credsFile', 'nkeySeedFile', 'nkeySeed', 'token', 'pass,user'];
const EXPECTED = 'credentials: expected exactly one of credsFile, nkeySeedFile, nkeySeed, token, or user and pass';

/** What is wrong with the credentials, without any of their values; null: nothing. */
export function faultOfCredentials(credentials: unknown): string | null {
  if (typeof credentials !== 'object' || credentials === null) return EXPECTED;
  const given = Object.entries(credentials).filter(([, value]) => value !== undefined);
  const names = given.map(([name]) => name).toSorted();
  if (!KINDS.includes(names.join(','))) return `${EXPECTED}; got ${names.join(', ') || 'none'}`;
  for (const [name, value] of given) {
    if (typeof value !== 'string' || value === '') return `credentials.${name}: expected a string that is not empty`;
  }
  const { nkeySeed } = credentials as { nkeySeed?: string };
  if (nkeySeed !== undefined && !/^SU[A-Z2-7]{56}$/.test(nkeySeed.trim())) {
    return "credentials.nkeySeed: expected a user's nkey seed, SU and 56 characters";
  }
  return null;
}

type Transport = Pick<
  typeof client,
  'credsAuthenticator' | 'nkeyAuthenticator' | 'tokenAuthenticator' | 'usernamePasswordAuthenticator'
>;

/**
 * Reads and tries the credentials once, so that a missing or malformed file is a failed dial with a reason. Later, when
 * the client calls the authenticator, it must not throw: the client would close the connection for good. So when the
 * file cannot be read then, its last content is offered again, and the server decides.
 *
 * @throws Error naming the option, and the file
 */
export function createAuthenticator(credentials: Credentials, transport: Transport): client.Authenticator {
  // A member that is undefined counts as absent. It may come from an environment variable that is not set.
  const { token, user, pass, nkeySeed, credsFile, nkeySeedFile }: Given = credentials;
  if (token !== undefined) return transport.tokenAuthenticator(token);
  if (user !== undefined) return transport.usernamePasswordAuthenticator(user, pass);
  if (nkeySeed !== undefined) return transport.nkeyAuthenticator(Buffer.from(nkeySeed.trim()));

  const option = credsFile === undefined ? 'nkeySeedFile' : 'credsFile';
  const path = credsFile ?? nkeySeedFile ?? '';
  const read = (): client.Authenticator => {
    // Editors and secret stores on Windows end lines with CRLF, which the client does not take.
    const content = Buffer.from(readFile(option, path).toString().replaceAll('\r\n', '\n'));
    const authenticator =
      option === 'credsFile'
        ? transport.credsAuthenticator(content)
        : transport.nkeyAuthenticator(Buffer.from(content.toString().trim()));
    try {
      authenticator('a nonce');
      return authenticator;
    } catch {
      // Without the cause, which may quote the content.
      const expected = option === 'credsFile' ? 'a JWT and an nkey seed' : 'an nkey seed';
      throw new Error(`credentials.${option}: ${path} does not have ${expected}`);
    }
  };
  let last = read();
  return (nonce) => {
    try {
      last = read();
    } catch {
      // The file is being rotated, or is gone.
    }
    return last(nonce);
  };
}

function readFile(option: string, path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    throw new Error(`credentials.${option}: ${path} cannot be read: ${code ?? message}`, { cause });
  }
}
