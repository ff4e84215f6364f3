/** Events with something wrong: any value in any place, and often one at the limit of a rule. */
import fc from 'fast-check';
import type { Json, JsonObject } from '../src/json/json.ts';
import { anyJson } from './json.ts';

const text = (...units: number[]) => fc.constantFrom(...units.flatMap((n) => ['x'.repeat(n), '😀'.repeat(n / 2)]));

/** Values that are right in some place and wrong in others, most of them at a limit. */
export const suspicious: fc.Arbitrary<Json> = fc.oneof(
  { weight: 3, arbitrary: anyJson },
  fc.constantFrom<Json>('', ' ', '1.0', '1.1', '0', '1', '01', '9007199254740991', '9007199254740993', '1.5', '-1'),
  fc.constantFrom<Json>('acme', 'bolt', '_system', '_unattributed', '-a', 'a'.repeat(64), 'a'.repeat(65), 'a b', 'a.b'),
  fc.constantFrom<Json>('USER', 'user', 'success', 'failure', 'Failure', 'A.b', 'run.batch', 'casartifact.batch'),
  fc.constantFrom<Json>('casartifact.uploaded', 'casartifact.downloaded', 'com.x.casartifact.uploaded', 'run.started'),
  fc.constantFrom<Json>('2026-01-01T00:00:00.000Z', '2026-02-29T00:00:00.000Z', '2024-02-29T00:00:00.000Z'),
  fc.constantFrom<Json>('2000-02-29T00:00:00.000Z', '2100-02-29T00:00:00.000Z', '2026-04-31T00:00:00.000Z'),
  fc.constantFrom<Json>('2026-01-01T24:00:00.000Z', '2026-01-01T00:00:60.000Z', '2026-01-01T00:00:00+01:00'),
  fc.constantFrom<Json>('01997b3c-0000-7000-8000-000000000001', `sha256:${'a'.repeat(64)}`, `sha256:${'A'.repeat(64)}`),
  fc.constantFrom<Json>('//cas.example/x', 'a b', '%', '\u0000', '\u0085', '\ufffe', 'é', '/absolute', 'urn:x:y'),
  fc.constantFrom<Json>(`${'A'.repeat(86)}==`, 'A'.repeat(88), `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`),
  text(64, 65, 128, 129, 256, 257, 258, 320, 322, 1024, 1025, 1026),
  fc.constantFrom<Json>(null, true, false, 0, -0, 1, -1, 1.5, 2 ** 31, 2 ** 31 - 1, -(2 ** 31), -(2 ** 31) - 1),
  fc.constantFrom<Json>(2 ** 53, 2 ** 53 - 1, -(2 ** 53), 1e300, [], {}, { a: 1 }, [1]),
);

const ATTRIBUTES = (
  'specversion id source type time orgid data subject actortype actorid actorname actoremail outcome traceparent runid ' +
  'decisionid datacontenttype keyid signature producer producerseq claimedorg dataschema data_base64 extension Bad_name ' +
  '__proto__'
).split(' ');
const MEMBERS = ['digest', 'size_bytes', 'file_name', 'backend_type', 'skipped', 'transferred_bytes', 'name', 'other'];

/** A change of one member. undefined: the member is left out. */
export interface EventChange {
  readonly place: 'event' | 'data';
  readonly name: string;
  readonly value: Json | undefined;
}

export const anyEventChange: fc.Arbitrary<EventChange> = fc.oneof(
  fc.record({
    place: fc.constant('event' as const),
    name: fc.constantFrom(...ATTRIBUTES),
    value: fc.option(suspicious, { nil: undefined, freq: 9 }),
  }),
  fc.record({
    place: fc.constant('data' as const),
    name: fc.constantFrom(...MEMBERS),
    value: fc.option(suspicious, { nil: undefined, freq: 9 }),
  }),
  fc.constant({ place: 'event' as const, name: 'outcome', value: 'failure' }),
);

export function changedBy(event: JsonObject, { place, name, value }: EventChange): JsonObject {
  if (place === 'event') return put(event, name, value);
  const { data } = event;
  if (typeof data !== 'object' || data === null || Array.isArray(data)) return event;
  return put(event, 'data', put(data as JsonObject, name, value));
}

function put(object: JsonObject, name: string, value: Json | undefined): JsonObject {
  const entries = Object.entries(object).filter(([member]) => member !== name);
  // fromEntries defines members, even one named __proto__.
  return Object.fromEntries(value === undefined ? entries : [...entries, [name, value]]);
}
