/** Who starts the command with an old Node gets a line, not a stack. */
import { requireNode } from '@waybill/schema/node-version';

try {
  requireNode('waybill-verify', '22.12');
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n`);
  process.exit(78);
}
