/** What is wrong with a command line, from what Node's `parseArgs` threw: for each of our commands in the same words. */
import { closest } from './closest.ts';

/**
 * @param names of the options that there are
 * @param meant for options that other programs have: what to write instead
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
