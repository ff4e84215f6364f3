/**
 * Fields whose names are like those of their event's type, and are none of them. Built-in types take any data, and
 * JavaScript any object, so that `sizeBytes` in place of `size_bytes` would cost the bill its bytes without a word.
 */
import type { DataCheck } from '@waybill/schema';

/** Names of one type that are kept: a service that makes up names must not fill the memory. */
const MAX_NAMES = 256;

/**
 * @param say told once for each type and name
 * @returns looks at an event's fields; each name of a type is judged once
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
      // Where both are given, the other one is something else.
      if (meant !== null && Object.hasOwn(fields, meant)) continue;
      names.add(name);
      if (meant !== null) say(type, name, meant);
    }
  };
}
