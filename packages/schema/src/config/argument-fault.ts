/** What is wrong with a command line, in the same words for each of our commands. */
import { closest } from './closest.ts';

/**
 * @param error what Node's `parseArgs` threw
 * @param names the options that the command has
 * @param meant for an option of other programs: what to write instead
 * @returns one sentence that names the option
 */
export function argumentFault(
  error: unknown,
  names: readonly string[],
  meant: Readonly<Record<string, string>> = {},
): string {
  const { message, code } = error as Error & { code?: string };
  const option = /'-{1,2}([^']+?)'/.exec(message)?.[1];
  if (code === 'ERR_PARSE_ARGS_UNKNOWN_OPTION' && option !== undefined) {
    const near = closest(option, names, 2);
    const instead = Object.hasOwn(meant, option) ? meant[option] : near && `--${near}`;
    return `there is no option --${option}${instead ? `: did you mean ${instead}?` : '; see --help'}`;
  }
  return message.split(/\.\s/)[0] ?? message;
}
