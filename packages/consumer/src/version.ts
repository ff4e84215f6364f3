import { readFileSync } from 'node:fs';

/** This package's: of the sources and of what is built from them, the package's folder is the one above. */
export const VERSION: string = (
  JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string }
).version;
