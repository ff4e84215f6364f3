/**
 * Identities that stand in files. A file is read again at every dial, also when the client reconnects, so that a
 * rotated file takes effect with the next dial. No message shows what is in a file.
 */
import {
  type Authenticator,
  credsAuthenticator,
  nkeyAuthenticator,
  usernamePasswordAuthenticator,
} from '@nats-io/nats-core';
import type { NatsConfig } from '../config/nats-config.ts';
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
 * Makes an authenticator from the file that is configured.
 *
 * The file is read and tried once now, so that a file that cannot be used is an error with a reason. Later, the
 * authenticator must not throw: the client would close the connection for good. If the file cannot be used then, the
 * authenticator offers its last good contents again, and the server decides.
 *
 * @returns null when no file is configured
 * @throws ConsumerError BAD_CONFIG naming the variable and the file
 */
export function fileAuthenticator(nats: NatsConfig): Authenticator | null {
  const { credsFile, nkeySeedFile, user, passwordFile, variables = 'WAYBILL_NATS' } = nats;
  const reread = (kind: FileKind, file: string): Authenticator =>
    rereadAtEachDial({ ...kind, variable: kind.variable.replace('WAYBILL_NATS', variables) }, file);
  if (credsFile !== undefined) return reread(CREDS, credsFile);
  if (nkeySeedFile !== undefined) return reread(NKEY, nkeySeedFile);
  if (user !== undefined && passwordFile !== undefined) return reread(passwordOf(user), passwordFile);
  return null;
}

function rereadAtEachDial(kind: FileKind, file: string): Authenticator {
  let last = readAuthenticator(kind, file);
  return (nonce) => {
    try {
      last = readAuthenticator(kind, file);
    } catch {
      // The file is gone, or is being rotated: the last good contents are offered again.
    }
    return last(nonce);
  };
}

/** @throws ConsumerError BAD_CONFIG */
function readAuthenticator({ variable, expected, authenticator: make }: FileKind, file: string): Authenticator {
  const bytes = readSecretFile(variable, file);
  // Windows editors and secret stores write CRLF and a byte order mark. The client accepts neither.
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
