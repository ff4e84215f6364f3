/** Files that variables name: identities and certificates. No message shows what is in them. */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { ConsumerError } from '../errors.ts';

/** @throws ConsumerError BAD_CONFIG naming the variable and why the file cannot be read */
export function readSecretFile(variable: string, file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (cause) {
    // The system's message quotes the path, and a `cause` is logged. So neither is passed on.
    const { code, syscall } = cause as NodeJS.ErrnoException;
    throw unusableFile(
      variable,
      file,
      `it cannot be read (${code ?? 'unknown error'}${syscall ? `, ${syscall}` : ''})`,
    );
  }
}

export function unusableFile(variable: string, file: string, why: string): ConsumerError {
  return new ConsumerError('BAD_CONFIG', `${variable} is ${shownPath(file)}: ${why}`);
}

/**
 * People write the secret itself where the name of its file belongs. So a path is shown only if that file exists, or
 * the folder that it names.
 */
function shownPath(file: string): string {
  const folder = dirname(file);
  const isPath = existsSync(file) || (!['.', '/'].includes(folder) && existsSync(resolve(folder)));
  return isPath ? JSON.stringify(file) : 'no path of a file or folder that is there (not shown: it may be a secret)';
}
