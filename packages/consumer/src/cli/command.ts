import { parseArgs, type ParseArgsOptionsConfig } from 'node:util';
import { argumentFault, repetitionFault } from '@waybill/schema/internal';
import type { Values } from '@waybill/verify/internal';
import { ConsumerError } from '../errors.ts';
import type { Output } from './output.ts';

export { type Values, wholeNumber } from '@waybill/verify/internal';

/** One `waybill` command. */
export interface Command {
  readonly name: string;
  /** One line for the list of commands. */
  readonly summary: string;
  /** What `--help` prints; `docs/reference/cli.md` quotes it. */
  readonly help: string;
  /** All but `--help`, which every command has. */
  readonly options: ParseArgsOptionsConfig;
  /** What the one word after the command's name is, such as `ENGINE`. It has to be given. */
  readonly argument?: string;
  /** An option that takes several values after its name, as in `--file OLD NEW`. */
  readonly listOption?: string;
  /** Words that stand without an option's name, at most so many. Default: 0. */
  readonly maxWords?: number;
  /** What to write instead of an option that other programs have and this command does not. */
  readonly meant?: Readonly<Record<string, string>>;
  /** @returns the exit code */
  run(context: CommandContext): Promise<number>;
}

export interface CommandContext {
  readonly values: CommandValues;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly output: Output;
}

/** What was given. */
export interface CommandValues extends Values {
  /** What stands without an option's name, in order. */
  readonly words: readonly string[];
}

/** @throws ConsumerError BAD_ARGUMENT naming the option */
export function parseCommandLine(command: Command, args: readonly string[]): CommandValues {
  const options: ParseArgsOptionsConfig = { ...command.options, help: { type: 'boolean', short: 'h' } };
  let values: Record<string, string | boolean | (string | boolean)[] | undefined>;
  const { listOption, argument, maxWords = argument === undefined ? 0 : 1 } = command;
  let words: string[];
  let repeated: string | null;
  try {
    const given = listOption === undefined ? args : repeatOption(args, listOption);
    const rules = { options, allowPositionals: maxWords > 0, strict: true, tokens: true } as const;
    const parsed = parseArgs({ args: [...given], ...rules });
    repeated = repetitionFault(parsed.tokens, options);
    ({ values, positionals: words } = parsed);
  } catch (cause) {
    throw new ConsumerError(
      'BAD_ARGUMENT',
      `waybill ${command.name}: ${argumentFault(cause, Object.keys(options), command.meant)}`,
      { cause },
    );
  }
  if (repeated !== null) throw new ConsumerError('BAD_ARGUMENT', `waybill ${command.name}: ${repeated}`);
  if (argument !== undefined && words.length !== 1) {
    const given = words.length === 0 ? 'none is given' : `${words.join(' and ')} are given`;
    throw new ConsumerError('BAD_ARGUMENT', `waybill ${command.name} needs one ${argument}, and ${given}; see --help`);
  }
  if (words.length > maxWords) throw new ConsumerError('BAD_ARGUMENT', `waybill ${command.name}: too many words`);
  return {
    words,
    text: (name) => values[name] as string | undefined,
    all: (name) => (values[name] as string[] | undefined) ?? [],
    flag: (name) => values[name] === true,
  };
}

/** Turns `--file A B` into `--file A --file B`: values up to the next option belong to the same option. */
function repeatOption(args: readonly string[], name: string): string[] {
  const option = `--${name}`;
  const repeated: string[] = [];
  let isMore = false;
  for (const [i, argument] of args.entries()) {
    const isOption = argument.startsWith('-') && argument !== '-';
    const isFirst = args[i - 1] === option;
    if (isMore && !isFirst && !isOption) repeated.push(option);
    if (isOption) isMore = argument === option || argument.startsWith(`${option}=`);
    repeated.push(argument);
  }
  return repeated;
}

/**
 * Of an option with a value and a flag, exactly one must be given.
 *
 * @returns the value; null for the flag
 * @throws ConsumerError BAD_ARGUMENT
 */
export function oneOf(values: Values, command: string, [text, flag]: [text: string, flag: string]): string | null {
  const given = values.text(text);
  if ((given !== undefined) === values.flag(flag)) {
    throw new ConsumerError('BAD_ARGUMENT', `waybill ${command} needs either --${text} ID or --${flag}; see --help`);
  }
  return given ?? null;
}
