/** Opens the files of one call. */
import type { CommandWords } from '../command-words.ts';
import { VerifyError } from '../errors.ts';
import { type InputFile, openInput } from './input-file.ts';

/** @throws VerifyError CANNOT_READ naming the file; BAD_ARGUMENT for the same file twice */
export async function openInputs(names: readonly string[], words?: CommandWords): Promise<InputFile[]> {
  const files = await Promise.all(names.map(async (name) => openInput(name, words)));
  checkDistinct(files);
  return files;
}

/**
 * A file that is given twice would look like a chain that has its entries twice, and that somebody changed.
 *
 * @throws VerifyError BAD_ARGUMENT naming both
 */
export function checkDistinct(files: readonly InputFile[]): void {
  const seen = new Map<string, string>();
  for (const { name, identity } of files) {
    const key = identity ?? name;
    const other = seen.get(key);
    if (other !== undefined) {
      const where = other === name ? `${name} is given twice` : `${other} and ${name} are the same file`;
      throw new VerifyError('BAD_ARGUMENT', where);
    }
    seen.set(key, name);
  }
}
