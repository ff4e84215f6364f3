/**
 * Finds misspelt fields: names that are nearly a field of the event's type. Built-in types take any data, so
 * `sizeBytes` instead of `size_bytes` would be stored, and its bytes would be missing in the bill without a warning.
 */
import type { DataCheck } from '@waybill/schema/internal';

/** How many names of a type are remembered: a service that makes up names must not fill the memory. */
const MAX_NAMES = 256;

/**
 * @param say called once for each type and name
 * @returns checks an event's fields; each name of a type is checked once
 */
export function createNameCheck(
  rulesOf: DataCheck['rulesOf'],
  say: (type: string, name: string, meant: string) => void,
): (type: string, fields: object) => void {
  const judged = new Map<string, Set<string>>();

  return (type, fields) => {
    let names = judged.get(type);
    if (names === undefined) judged.set(type, (names = new Set()));
    for (const name in fields) {
      if (names.has(name) || names.size >= MAX_NAMES) continue;
      const meant = rulesOf(type).meant(name);
      // When both are given, the other one is intended.
      if (meant !== null && Object.hasOwn(fields, meant)) continue;
      names.add(name);
      if (meant !== null) say(type, name, meant);
    }
  };
}
