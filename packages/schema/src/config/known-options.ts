import { closest } from './closest.ts';

/** The names of all options of a function. `satisfies KnownOptions<Options>` makes the compiler keep it complete. */
export type KnownOptions<Options> = Readonly<Record<keyof Options & string, true>>;

const MAX_CHANGES = 3;

/**
 * What is wrong with an argument as an object of options; null: nothing. JavaScript drops a misspelt option silently,
 * and so does TypeScript when the object comes from elsewhere: a spool that is off, or a start that is not confirmed,
 * would show only when it is needed.
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
