/** Puts any value in any place of a JSON value. Most are wrong there, and some are right. */
import fc from 'fast-check';
import { isJsonObject, type Json, type JsonObject } from '../src/json/json.ts';

/** Any value. undefined: the member is left out. */
export const anyValue: fc.Arbitrary<Json | undefined> = fc.constantFrom<Json | undefined>(
  undefined,
  null,
  true,
  false,
  0,
  1,
  2,
  -1,
  1.5,
  255,
  256,
  2 ** 53 - 1,
  2 ** 53,
  1e21,
  '',
  '0',
  '1',
  '01',
  '-1',
  '1.5',
  '1e3',
  '9007199254740991',
  '9007199254740992',
  '9'.repeat(32),
  '9'.repeat(33),
  'x',
  'ü',
  'a"b',
  'acme',
  '_system',
  'upload',
  'none',
  '0'.repeat(64),
  '2026-02-30T00:00:00.000Z',
  '2026-13-01T00:00:00.000Z',
  [],
  [1],
  {},
  { a: 1 },
);

/** The value with another one at some place, instead of what is there or beside it; null: that is not possible. */
export function setSomewhere(value: JsonObject, path: number, to: Json | undefined, adds: boolean): JsonObject | null {
  const places: string[][] = [];
  const walk = (at: Json, steps: string[]): void => {
    if (!isJsonObject(at)) return;
    for (const [name, member] of Object.entries(at)) {
      places.push([...steps, name]);
      walk(member, [...steps, name]);
    }
  };
  walk(value, []);
  const steps = places[path % places.length] as string[];
  const copy = structuredClone(value) as Record<string, Json>;
  let parent = copy;
  for (const step of steps.slice(0, -1)) parent = parent[step] as Record<string, Json>;
  const name = adds ? `${steps.at(-1)}x` : (steps.at(-1) as string);
  if (to === undefined) delete parent[name];
  else parent[name] = to;
  return copy;
}
