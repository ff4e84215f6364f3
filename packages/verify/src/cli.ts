#!/usr/bin/env node
/** The `waybill-verify` command of this process: `cli/main.ts` has it. */
import './cli/check-node.ts';
import { runWaybillVerify } from './cli/main.ts';
import { createOutput } from './cli/output.ts';

const output = createOutput(process.stdout, process.stderr);
// Not process.exit(): what is on its way to a pipe would be cut off.
process.exitCode = await runWaybillVerify(process.argv.slice(2), output);
// Whoever still writes to it must not keep a process that has answered.
if (process.argv.includes('-')) process.stdin.destroy();
