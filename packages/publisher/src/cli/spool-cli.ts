#!/usr/bin/env node
/** The entry point of the `waybill-spool` command. */
import './check-node-cli.ts';
import { stderr } from 'node:process';
import { printable } from '@waybill/schema/internal';
import { EXIT, UsageError } from './exit-code.ts';
import { main } from './main.ts';

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  stderr.write(`waybill-spool: ${printable(error instanceof Error ? error.message : String(error))}\n`);
  process.exitCode = error instanceof UsageError ? EXIT.usage : EXIT.unreadable;
}
