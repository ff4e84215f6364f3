/**
 * The `cli/` room: the `waybill` command, one file a subcommand. Arguments come in, text and an exit code go out. A
 * command calls the same functions as an embedder; nothing is computed here.
 *
 * This file finds the command, runs it, and turns what goes wrong into a line and an exit code.
 */
import { closest } from '@waybill/schema/internal';
import { asciiJson } from '@waybill/verify/internal';
import { ConsumerError } from '../errors.ts';
import { VERSION } from '../version.ts';
import { asConsumerError } from '../verify-error.ts';
import { whoMay } from '../streams/shipped-users.ts';
import { acknowledgeCommand } from './acknowledge.ts';
import { billCommand } from './bill.ts';
import { type Command, parseCommandLine } from './command.ts';
import { deployCommand } from './deploy.ts';
import { EXIT_CODES, UNFORESEEN } from './exit-codes.ts';
import { headCommand } from './head.ts';
import { takenByNpm } from './npm-options.ts';
import { type Output, ReaderGone } from './output.ts';
import { pushCommand } from './push.ts';
import { replayCommand } from './replay.ts';
import { serveCommand } from './serve.ts';
import { tokenCommand } from './token.ts';
import { usageCommand } from './usage.ts';
import { verifyCommand } from './verify.ts';

const COMMANDS: readonly Command[] = [
  serveCommand,
  deployCommand,
  usageCommand,
  billCommand,
  pushCommand,
  verifyCommand,
  headCommand,
  replayCommand,
  acknowledgeCommand,
  tokenCommand,
];

const HELP = `Usage: waybill <command> [options]

A tamper-evident audit trail on NATS JetStream, and the bill that it proves.

${COMMANDS.map(({ name, summary }) => `  ${name.padEnd(11)} ${summary}`).join('\n')}
  help        This text, or that of a command: waybill help usage

Every command has --help; waybill --version prints the version. The server is WAYBILL_NATS_URL (default
nats://127.0.0.1:4222); docs/reference/configuration.md lists the other WAYBILL_* variables,
docs/reference/cli.md the exit codes.`;

export interface Surroundings {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly output: Output;
}

/** Runs a command line. @returns the exit code, also when something goes wrong */
export async function runWaybill(args: readonly string[], surroundings: Surroundings): Promise<number> {
  try {
    return await run(args, surroundings);
  } catch (error) {
    return report(asConsumerError(error), args, surroundings.output);
  }
}

async function run(args: readonly string[], { env, output }: Surroundings): Promise<number> {
  const [name = '', ...rest] = args;
  const isForAll = name === 'help' && (rest[0] ?? 'help') === 'help';
  if (name === '--help' || name === '-h' || isForAll) {
    await output.lines([HELP]);
    return 0;
  }
  if (name === '--version') {
    await output.lines([`waybill ${VERSION}`]);
    return 0;
  }
  if (name === '') throw new ConsumerError('BAD_ARGUMENT', 'waybill needs a command; see waybill help');
  const command = find(name === 'help' ? (rest[0] as string) : name);
  if (name === 'help' || rest.includes('--help') || rest.includes('-h')) {
    await output.lines([command.help]);
    return 0;
  }
  const taken = takenByNpm(command, rest, env);
  try {
    if (taken.isCertain) throw new ConsumerError('BAD_ARGUMENT', `waybill ${command.name}: ${taken.hint}`);
    return await command.run({ values: parseCommandLine(command, rest), env, output });
  } catch (caught) {
    const error = asConsumerError(caught);
    const isCall = error instanceof ConsumerError && error.code === 'BAD_ARGUMENT';
    if (taken.hint === '' || taken.isCertain || !isCall) throw error;
    throw new ConsumerError('BAD_ARGUMENT', `${error.message}; ${taken.hint}`, { cause: error });
  }
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
function report(error: unknown, args: readonly string[], output: Output): number {
  if (error instanceof ReaderGone) return 0;
  const known = error instanceof ConsumerError;
  const code = known ? error.code : 'UNFORESEEN';
  const message = `${error instanceof Error ? error.message : String(error)}${whoMay(error)}`;
  if (args.includes('--json')) output.note(asciiJson({ error: { code, message } }));
  else output.note(`waybill: ${message}`);
  if (!known && error instanceof Error) for (const line of String(error.stack).split('\n')) output.note(line);
  return known ? EXIT_CODES[error.code] : UNFORESEEN;
}
