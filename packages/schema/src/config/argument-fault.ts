/** What is wrong with a command line, in the same words for each of our commands. */
import { closest } from './closest.ts';

/** What `parseArgs` gives with `tokens: true`, as far as it is needed. */
interface Token {
  readonly kind: string;
  readonly name?: string;
}

type Options = Readonly<
  Record<string, { readonly type: 'string' | 'boolean'; readonly multiple?: boolean | undefined }>
>;

/**
 * Of an option that takes one value, `parseArgs` keeps the last one and says nothing: `--org a --org b` would be a bill
 * without `a`.
 *
 * @returns one sentence that names the option that is given twice; null when there is none
 */
export function repetitionFault(tokens: readonly Token[], options: Options): string | null {
  const given = new Set<string>();
  for (const { kind, name } of tokens) {
    if (kind !== 'option' || name === undefined) continue;
    const { type, multiple = false } = options[name] ?? { type: 'boolean' };
    if (type === 'string' && !multiple && given.has(name)) return `--${name} is given twice; see --help`;
    given.add(name);
  }
  return null;
}

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
