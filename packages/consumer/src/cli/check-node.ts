/** For people who start the command: a line instead of a stack. */
import { requireNode } from '@waybill/schema/node-version';

try {
  requireNode('waybill', '26');
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n`);
  process.exit(78);
}
