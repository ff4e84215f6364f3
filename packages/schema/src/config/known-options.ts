/**
 * The `config/` room: options and addresses that publisher and consumer check in the same way and with the same
 * words. It knows nothing of events and nothing of ledgers, and it never opens a connection.
 */
import { closest } from './closest.ts';

/**
 * The names of all options of a function. With `satisfies KnownOptions<Options>` the compiler keeps the list complete.
 */
export type KnownOptions<Options> = Readonly<Record<keyof Options & string, true>>;

const MAX_CHANGES = 3;

/**
 * What is wrong with an object of options; null: nothing. JavaScript ignores a misspelt option, and so does TypeScript
 * when the object is not a literal. Without this check, a misspelt `spoolDir` would show only when a spool is needed.
 */
export function faultOfOptions(given: unknown, known: Readonly<Record<string, true>>): string | null {
  if (typeof given !== 'object' || given === null) return `options are ${String(given)}: expected an object`;
  const names = Object.keys(known);
  for (const name of Object.keys(given)) {
    if (Object.hasOwn(known, name)) continue;
    const meant = closest(name, names, Math.min(MAX_CHANGES, Math.floor(name.length / 2)));
    return `${name} is no option: ${meant === null ? `expected ${names.join(', ')}` : `did you mean ${meant}?`}`;
  }
  return null;
}
