#!/usr/bin/env node
/** The `waybill` command: finds the command, runs it, and turns what goes wrong into a line and an exit code. */
import './cli/check-node.ts';
import { type Command, parseCommandLine } from './cli/command.ts';
import { deployCommand } from './cli/deploy.ts';
import { EXIT_CODES, UNFORESEEN } from './cli/exit-codes.ts';
import { headCommand } from './cli/head.ts';
import { createOutput, type Output, ReaderGone } from './cli/output.ts';
import { replayCommand } from './cli/replay.ts';
import { serveCommand } from './cli/serve.ts';
import { usageCommand } from './cli/usage.ts';
import { verifyCommand } from './cli/verify.ts';
import { closest } from '@waybill/schema';
import { ConsumerError } from './errors.ts';

const COMMANDS: readonly Command[] = [
  serveCommand,
  deployCommand,
  usageCommand,
  verifyCommand,
  headCommand,
  replayCommand,
];

const HELP = `Usage: waybill <command> [options]

A tamper-evident audit trail on NATS JetStream, and the bill that it proves.

${COMMANDS.map(({ name, summary }) => `  ${name.padEnd(8)} ${summary}`).join('\n')}
  help     This text, or that of a command: waybill help usage

Every command has --help. The server is WAYBILL_NATS_URL (default nats://127.0.0.1:4222); docs/configuration.md lists the
other WAYBILL_* variables, docs/cli.md the exit codes.`;

async function main(args: readonly string[], output: Output): Promise<number> {
  const [name = '', ...rest] = args;
  if (name === '--help' || name === '-h' || (name === 'help' && rest.length === 0)) {
    await output.lines([HELP]);
    return 0;
  }
  if (name === '') throw new ConsumerError('BAD_ARGUMENT', 'waybill needs a command; see waybill help');
  const command = find(name === 'help' ? (rest[0] as string) : name);
  if (name === 'help' || rest.includes('--help') || rest.includes('-h')) {
    await output.lines([command.help]);
    return 0;
  }
  return command.run({ values: parseCommandLine(command, rest), env: process.env, output });
}

function find(name: string): Command {
  const command = COMMANDS.find((one) => one.name === name);
  if (command) return command;
  const meant = closest(name, [...COMMANDS.map((one) => one.name), 'help'], 2);
  throw new ConsumerError(
    'BAD_ARGUMENT',
    `waybill has no command ${name}${meant ? `: did you mean ${meant}?` : '; see waybill help'}`,
  );
}

/** One line for people; with `--json` an object. @returns the exit code */
function report(error: unknown, args: readonly string[]): number {
  if (error instanceof ReaderGone) return 0;
  const known = error instanceof ConsumerError;
  const code = known ? error.code : 'UNFORESEEN';
  const message = error instanceof Error ? error.message : String(error);
  if (args.includes('--json')) process.stderr.write(`${JSON.stringify({ error: { code, message } })}\n`);
  else process.stderr.write(`waybill: ${message}\n`);
  if (!known && error instanceof Error) process.stderr.write(`${error.stack}\n`);
  return known ? EXIT_CODES[error.code] : UNFORESEEN;
}

const args = process.argv.slice(2);
const output = createOutput(process.stdout, process.stderr);
// Not process.exit(): what is on its way to a pipe would be cut off.
process.exitCode = await main(args, output).catch((error: unknown) => report(error, args));
