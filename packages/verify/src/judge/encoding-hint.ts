/** Bytes that another program has put before or between those of a file. */

export const COPY_AGAIN = 'copy the file again, byte for byte';

/** @param instead what to do about UTF-16 */
export function encodingHint(bytes: Uint8Array, instead: string): string | null {
  const [a, b, c] = bytes;
  if (a === 0xef && b === 0xbb && c === 0xbf)
    return `this begins with a byte order mark, which an editor or PowerShell has put there: remove it (tail -c +4 FILE), or ${COPY_AGAIN}`;
  if ((a === 0xff && b === 0xfe) || (a === 0xfe && b === 0xff))
    return `this is UTF-16, as PowerShell writes with >: ${instead}, or ${COPY_AGAIN}`;
  return null;
}
