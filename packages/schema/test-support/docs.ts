/** The project's documents, for tests that hold them to the code. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export const DOCS = join(import.meta.dirname, '../../../docs/reference');
export const README = join(import.meta.dirname, '../README.md');

/** The fenced blocks with this info string, e.g. `ts`. */
export function fencedBlocks(file: string, info: string): string[] {
  const blocks = readFileSync(file, 'utf8').matchAll(/^```(.*)\n([\s\S]*?)^```$/gm);
  return [...blocks].filter((block) => block[1] === info).map((block) => block[2] as string);
}

/** The lines of the worked example of `format.md`. */
export function exampleLines(chain: 'acme' | '_system'): string[] {
  const [block = ''] = fencedBlocks(join(DOCS, 'format.md'), `ndjson ${chain}`);
  return block.trimEnd().split('\n');
}
