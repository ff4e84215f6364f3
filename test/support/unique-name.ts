import { randomBytes } from 'node:crypto';

/** Ten hexadecimal digits, for the names of streams and subjects on a server that tests share. */
export function uniqueName(): string {
  return randomBytes(5).toString('hex');
}
