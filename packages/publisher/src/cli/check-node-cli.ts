/** Checks Node for people who start `waybill-spool`: they get one line and no stack. */
import { requireNode } from '@waybill/schema/node-version';

try {
  requireNode('waybill-spool', '22.12');
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n`);
  process.exit(78);
}
