import { join } from 'node:path';

/** The folder of the repository. */
export const ROOT = join(import.meta.dirname, '../..');

/** The program behind the command `waybill`. */
export const WAYBILL = join(ROOT, 'packages/consumer/src/cli.ts');

/** The program behind the command `waybill-spool`. */
export const WAYBILL_SPOOL = join(ROOT, 'packages/publisher/src/cli/spool-cli.ts');
