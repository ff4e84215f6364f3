import { readFileSync } from 'node:fs';

/** This package's version. The manifest is one folder above the sources, and above what is built from them. */
export const VERSION: string = (
  JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string }
).version;
