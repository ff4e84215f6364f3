/** Files that a variable names: an identity, certificates. What is in them is in no message. */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { ConsumerError } from '../errors.ts';

/** @throws ConsumerError BAD_CONFIG naming the variable and why the file cannot be read */
export function readSecretFile(variable: string, file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (cause) {
    // The system's own message quotes the path, and a cause is logged.
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
 * People put the secret itself where its file belongs. So a path is shown only if there is such a file, or the folder that
 * it names is there.
 */
function shownPath(file: string): string {
  const folder = dirname(file);
  const isPath = existsSync(file) || (!['.', '/'].includes(folder) && existsSync(resolve(folder)));
  return isPath ? JSON.stringify(file) : 'no path of a file or folder that is there (not shown: it may be a secret)';
}
