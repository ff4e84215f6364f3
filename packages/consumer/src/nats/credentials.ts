/**
 * Who Waybill is to the server, where that stands in a file. The file is read at every dial, the client's own reconnects
 * included, so that one that was rotated counts from the next. What is in it is in no message.
 */
import {
  type Authenticator,
  credsAuthenticator,
  nkeyAuthenticator,
  usernamePasswordAuthenticator,
} from '@nats-io/nats-core';
import type { NatsSettings } from '../config/config.ts';
import { readSecretFile, unusableFile } from '../config/secret-file.ts';

interface FileKind {
  readonly variable: string;
  readonly expected: string;
  authenticator(text: string): Authenticator;
}

const CREDS: FileKind = {
  variable: 'WAYBILL_NATS_CREDS_FILE',
  expected: 'a JWT and an nkey seed, as in a .creds file',
  authenticator: (text) => credsAuthenticator(Buffer.from(text)),
};
const NKEY: FileKind = {
  variable: 'WAYBILL_NATS_NKEY_SEED_FILE',
  expected: "a user's nkey seed, SU and 56 characters",
  authenticator: (text) => nkeyAuthenticator(Buffer.from(text.trim())),
};
const passwordOf = (user: string): FileKind => ({
  variable: 'WAYBILL_NATS_PASSWORD_FILE',
  expected: 'a password on one line',
  authenticator(text) {
    const password = text.replace(/\n$/, '');
    if (password === '' || password.includes('\n')) throw new Error('no password');
    return usernamePasswordAuthenticator(user, password);
  },
});

/**
 * Reads and tries the file once, so that one that cannot be used is an error with a reason. The client must not find out:
 * when an authenticator throws, it closes the connection for good. When the file cannot be used at a later dial, what it
 * said last is offered again, and the server decides.
 *
 * @returns null when no file is configured
 * @throws ConsumerError BAD_CONFIG naming the variable and the file
 */
export function fileAuthenticator(nats: NatsSettings): Authenticator | null {
  const { credsFile, nkeySeedFile, user, passwordFile } = nats;
  if (credsFile !== undefined) return rereading(CREDS, credsFile);
  if (nkeySeedFile !== undefined) return rereading(NKEY, nkeySeedFile);
  if (user !== undefined && passwordFile !== undefined) return rereading(passwordOf(user), passwordFile);
  return null;
}

function rereading(kind: FileKind, file: string): Authenticator {
  let last = read(kind, file);
  return (nonce) => {
    try {
      last = read(kind, file);
    } catch {
      // Being rotated, perhaps, or gone: see above.
    }
    return last(nonce);
  };
}

/** @throws ConsumerError BAD_CONFIG */
function read({ variable, expected, authenticator: make }: FileKind, file: string): Authenticator {
  const bytes = readSecretFile(variable, file);
  // Editors and secret stores of Windows end lines with CRLF and begin with a byte order mark, which the client does not take.
  const text = bytes
    .toString('utf8')
    .replace(/^\uFEFF/, '')
    .replaceAll('\r\n', '\n');
  try {
    const authenticator = make(text);
    authenticator('a nonce');
    return authenticator;
  } catch {
    // The cause may quote what it could not parse.
    throw unusableFile(variable, file, `it does not have ${expected}`);
  }
}
