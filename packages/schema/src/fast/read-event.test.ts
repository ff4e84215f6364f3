import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { anyJson } from '../../test-support/json.ts';
import { mutateText } from '../../test-support/mutate-text.ts';
import { partOf } from '../../test-support/part.ts';
import { isChainloop } from '../event/chainloop.ts';
import { checkCloudEvent } from '../event/cloud-event.ts';
import { originOf } from '../event/origin.ts';
import { transferOf } from '../event/transfer.ts';
import { canonicalJson } from '../json/canonical.ts';
import { parseExactJson } from '../json/exact-json.ts';
import { isJsonObject, type Json, type JsonObject } from '../json/json.ts';
import { createDataCheck } from '../message/data-check.ts';
import { readEventFacts } from './read-event.ts';

const checkData = createDataCheck();

/** The plain way, step by step. null: the text is no event, or is not canonical. */
function readGenerally(text: string) {
  try {
    const { value, canonical } = parseExactJson(text);
    if (!isJsonObject(value) || isChainloop(value) || canonical !== text) return null;
    const event: JsonObject = value;
    checkCloudEvent(event);
    const { orgid, type, data, outcome } = event;
    return { orgid, type, outcome, origin: originOf(event), transfer: transferOf(event), data };
  } catch {
    return null;
  }
}

const digest = `sha256:${'0123456789abcdef'.repeat(4)}`;
const plainChar = fc.constantFrom(...Array.from('aZ09 ~:/.-_{}[],é中\u007f\u2028'));
const text = (max: number) =>
  fc.oneof(fc.string({ unit: plainChar, minLength: 1, maxLength: 8 }), fc.constant('x'.repeat(max)));
/** In data that is not an artifact's, only ASCII is known. */
const ascii = fc.stringMatching(/^[ !#-[\]-~]{1,20}$/);
const optional = <Value>(value: fc.Arbitrary<Value>) => fc.option(value, { nil: undefined });

const attributes = fc.record(
  {
    actoremail: text(320),
    actorid: text(256),
    actorname: text(256),
    actortype: fc.constantFrom('USER', 'API_TOKEN', 'SERVICE', 'SYSTEM'),
    datacontenttype: fc.constant('application/json'),
    decisionid: text(128),
    keyid: text(128),
    outcome: fc.constantFrom('success', 'failure'),
    runid: text(128),
    signature: fc.constantFrom(`${'A'.repeat(86)}==`, `${'+/'.repeat(42)}9Q==`),
    subject: text(1024),
    traceparent: fc.constantFrom(
      `00-${'0a'.repeat(16)}-${'f'.repeat(16)}-01`,
      `01-${'0a'.repeat(16)}-${'f'.repeat(16)}-01-what-the-future-will-be-like`,
    ),
  },
  { requiredKeys: [] },
);
const origin = optional(
  fc.record({
    producer: fc.constantFrom('b', 'boot-1', 'x'.repeat(64)),
    producerseq: fc.integer({ min: 1 }).map(String),
  }),
);
const artifact = fc.record({
  type: fc.constantFrom('casartifact.uploaded', 'casartifact.downloaded'),
  data: fc.record(
    {
      digest: fc.constant(digest),
      size_bytes: fc.oneof(fc.nat(), fc.constantFrom(0, 999_999_999_999_999)),
      file_name: text(1024),
      backend_type: text(64),
      skipped: fc.boolean(),
    },
    { requiredKeys: ['digest'] },
  ),
});
const other = fc.record({
  type: fc.constantFrom('release.approved', 'a.b'),
  data: fc.record({
    tickets: fc.array(ascii),
    version: ascii,
    n: fc.nat(),
    deep: fc.record({ a: fc.boolean() }),
  }),
});
const plainEvent = fc
  .tuple(
    attributes,
    origin,
    fc.oneof(artifact, other),
    fc.date({ noInvalidDate: true, min: new Date(0), max: new Date(4e12) }),
  )
  .map(([given, count, body, time]): JsonObject => ({
    ...given,
    ...count,
    ...(body as { type: string; data: JsonObject }),
    specversion: '1.0',
    id: '01997b3c-0000-7000-8000-000000000001',
    source: '//cas.example/artifact-cas',
    time: time.toISOString(),
    orgid: 'acme',
  }));

function expectSame(candidate: string): boolean {
  const plain = readEventFacts(candidate);
  if (plain === null) return false;
  const general = readGenerally(candidate);
  expect([candidate, plain]).toEqual([candidate, { ...general, data: plain.data }]);
  expect(plain.data ?? general?.data).toEqual(general?.data);
  if (plain.data === null) checkData(plain.type, general?.data, plain.outcome);
  return true;
}

describe('readPlainEvent', () => {
  it('knows every event without escapes, and reads in it what the general way reads', () => {
    fc.assert(
      fc.property(plainEvent, (event) => {
        // The data of a failed transfer is read like that of any type.
        const isPlain = event['outcome'] !== 'failure' || /^[ -~]*$/.test(canonicalJson(event['data'] as Json));
        expect(expectSame(canonicalJson(event)) || !isPlain).toBe(true);
      }),
      { numRuns: partOf(3_000) },
    );
  });

  it('takes nothing for an event that is none, or not canonical, or another one', () => {
    let taken = 0;
    fc.assert(
      fc.property(plainEvent, mutateText, mutateText, (event, mutate, again) => {
        if (expectSame(again(mutate(canonicalJson(event))))) taken++;
      }),
      { numRuns: partOf(30_000) },
    );
    // Some changes leave an event that is known.
    expect(taken).toBeGreaterThan(partOf(100));
    fc.assert(
      fc.property(
        plainEvent,
        fc.constantFrom('id', 'time', 'data', 'orgid', 'producerseq', 'x'),
        anyJson,
        (event, name, value) => {
          const changed: Json = { ...event, [name]: value };
          let candidate: string;
          try {
            candidate = canonicalJson(changed);
          } catch {
            return;
          }
          expectSame(candidate);
        },
      ),
      { numRuns: partOf(5_000) },
    );
  });

  it.each<[string, (event: JsonObject) => JsonObject]>([
    ['a producerseq of sixteen digits', (event) => ({ ...event, producer: 'p', producerseq: '9'.repeat(16) })],
    ['a producerseq of 0', (event) => ({ ...event, producer: 'p', producerseq: '0' })],
    ['a producerseq alone', (event) => ({ ...event, producerseq: '1' })],
    ['a type that is nearly one of ours', (event) => ({ ...event, type: 'casartifact_uploaded' })],
    ['a producer alone', (event) => ({ ...event, producer: 'p' })],
    ['a size of sixteen digits', (event) => ({ ...event, data: { digest, size_bytes: 2 ** 53 - 1 } })],
    ['a negative size', (event) => ({ ...event, data: { digest, size_bytes: -1 } })],
    ['a size of null', (event) => ({ ...event, data: { digest, size_bytes: null } })],
    ['an empty file name', (event) => ({ ...event, data: { digest, file_name: '' } })],
    ['a file name of 1,025 characters', (event) => ({ ...event, data: { digest, file_name: 'x'.repeat(1_025) } })],
    ['an empty backend', (event) => ({ ...event, data: { digest, backend_type: '' } })],
    ['a backend of 65 characters', (event) => ({ ...event, data: { digest, backend_type: 'x'.repeat(65) } })],
    ['neither skipped nor not', (event) => ({ ...event, data: { digest, skipped: null } })],
    ['another member of data', (event) => ({ ...event, data: { digest, note: 'x' } })],
    ['a month 13', (event) => ({ ...event, time: '2026-13-01T00:00:00.000Z' })],
    ['a name of 257 characters', (event) => ({ ...event, actorname: 'x'.repeat(257) })],
    ['a character outside the BMP', (event) => ({ ...event, actorname: '😀' })],
    ['an escape', (event) => ({ ...event, actorname: 'a"b' })],
    ['an extension', (event) => ({ ...event, zone: 'x' })],
    ['no source', (event) => Object.fromEntries(Object.entries(event).filter(([name]) => name !== 'source'))],
    ['a 29th of February that was not', (event) => ({ ...event, time: '2026-02-29T00:00:00.000Z' })],
    ['the reserved action', (event) => ({ ...event, type: 'casartifact.batch' })],
    ['no organization', (event) => ({ ...event, orgid: '_unattributed', claimedorg: 'x' })],
    ['bytes that were moved', (event) => ({ ...event, data: { digest, transferred_bytes: 5 } })],
  ])('leaves to the general way an event with %s', (_, change) => {
    const event: JsonObject = {
      data: { digest },
      id: '01997b3c-0000-7000-8000-000000000001',
      orgid: 'acme',
      source: 's',
      specversion: '1.0',
      time: '2026-01-01T00:00:00.000Z',
      type: 'casartifact.uploaded',
    };
    expect(readEventFacts(canonicalJson(event))).not.toBeNull();
    const { type, data, ...rest } = change(event) as { type: string; data: JsonObject };
    // Data that is not an artifact's is read like that of any type, and checked by its schema.
    const plain = readEventFacts(canonicalJson({ type, data, ...rest }));
    expect(plain?.data ?? null).toEqual(plain ? data : null);
  });

  it('takes no time that grows with the square of what it is given', () => {
    const open = '{"data":{"a":"';
    const candidates = [open + '},"id":"'.repeat(8_000), open.repeat(4_000), `{"data":${'{"data":'.repeat(5_000)}`];
    for (const candidate of candidates) expect(readEventFacts(candidate)).toBeNull();
  });
});
