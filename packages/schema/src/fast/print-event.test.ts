import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { anyJson } from '../../test-support/json.ts';
import { partOf } from '../../test-support/part.ts';
import { defineEvent } from '../event/define-event.ts';
import { createDataCheck } from '../message/data-check.ts';
import { type Stamp, stampEvent } from '../message/stamp.ts';
import { createFastTextStamp } from './print-event.ts';

const checkData = createDataCheck([defineEvent({ type: 'release.approved', data: z.looseObject({}) })]);
/** How often the fast path did not know an event. */
let asked = 0;
const textOf = createFastTextStamp(checkData, (type, fields, stamp) => {
  asked++;
  return stampEvent(type, fields, stamp, checkData).text;
});

/** The text, or what is wrong with the event. */
function outcome(make: () => string): string {
  try {
    return make();
  } catch (error) {
    return String(error);
  }
}

const digest = `sha256:${'a'.repeat(64)}`;
/** Mostly ordinary, sometimes with characters beyond the BMP or with lone surrogates. */
const anyText = fc.oneof(
  { weight: 40, arbitrary: fc.string({ minLength: 1, maxLength: 20 }) },
  { weight: 5, arbitrary: fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 }) },
  { weight: 1, arbitrary: fc.constantFrom('', '\ud800', '\\ud', 'x'.repeat(2_000)) },
);
const mostly = (usual: unknown, odd: fc.Arbitrary<unknown>) =>
  fc.oneof({ weight: 40, arbitrary: fc.constant(usual) }, { weight: 1, arbitrary: odd });

const anyStamp = fc.record({
  id: mostly('01997b3c-0000-7000-8000-000000000001', fc.string()),
  source: mostly('//cas.example/artifact-cas', fc.string()),
  time: mostly('2026-01-01T00:00:00.000Z', fc.constantFrom('2026-13-01T00:00:00.000Z', '+010000-01-01T00:00:00.000Z')),
  producer: mostly('boot-1', fc.constantFrom(undefined, '', 'no producer')),
  producerseq: mostly('17', fc.constantFrom(undefined, '0', '9007199254740991', '9007199254740992')),
}) as fc.Arbitrary<Stamp>;

const optional = fc.record(
  {
    actortype: mostly('API_TOKEN', fc.string()),
    actorid: mostly('u-1', anyJson),
    actorname: anyText,
    actoremail: mostly('a@example.com', fc.constant(undefined)),
    subject: anyText,
    outcome: mostly('success', fc.oneof(fc.constant('failure'), fc.string())),
    transferred_bytes: mostly(3, fc.constantFrom(0, -1, 1.5, '3', null)),
    traceparent: mostly(
      `00-${'1'.repeat(32)}-${'2'.repeat(16)}-01`,
      fc.oneof(
        fc.string(),
        fc.constantFrom(
          `ff-${'1'.repeat(32)}-${'2'.repeat(16)}-01`,
          `00-${'0'.repeat(32)}-${'2'.repeat(16)}-01`,
          `01-${'1'.repeat(32)}-${'0'.repeat(16)}-01`,
          `01-${'1'.repeat(32)}-${'2'.repeat(16)}-01-more`,
        ),
      ),
    ),
    runid: mostly('r', fc.string({ maxLength: 130 })),
    decisionid: mostly('d', fc.constant(7)),
    size_bytes: fc.oneof(
      { weight: 20, arbitrary: fc.maxSafeNat() },
      { weight: 1, arbitrary: fc.constantFrom(undefined, -1, 1.5, Number.NaN, -0) },
    ),
    skipped: mostly(true, anyJson),
  },
  { requiredKeys: [] },
);
const odd = fc.oneof(
  { weight: 20, arbitrary: fc.constant({}) },
  { weight: 1, arbitrary: fc.record({ time: fc.date() }) },
  { weight: 1, arbitrary: fc.record({ keyid: fc.string() }) },
);
const anyAttributes = fc
  .tuple(fc.record({ orgid: mostly('acme', fc.string()), digest: mostly(digest, fc.string()) }), optional, odd)
  .map(([required, given, more]) => ({ ...given, ...more, ...required }));

const usualMembers = fc.dictionary(
  fc.stringMatching(/^[a-z_]{1,4}$/),
  fc.oneof(fc.nat(), fc.boolean(), anyText, fc.array(fc.nat(9), { maxLength: 3 })),
  { maxKeys: 3 },
);
const oddMembers = fc.dictionary(
  fc.oneof(
    { weight: 20, arbitrary: fc.stringMatching(/^[a-zA-Z_ü€0-9]{1,4}$/) },
    { weight: 1, arbitrary: fc.constantFrom('__proto__', 'constructor', 'data', 'toString', '7', '\ud800') },
  ),
  fc.oneof(anyJson, fc.constant(undefined), anyText),
  { maxKeys: 5 },
);
const anyMembers = fc.oneof(usualMembers, usualMembers, oddMembers);

describe('createFastTextStamp', () => {
  it('makes what stampEvent makes, and throws what it throws, in whatever order fields and events come', () => {
    let plain = 0;
    fc.assert(
      fc.property(
        fc.constantFrom('casartifact.uploaded', 'casartifact.downloaded', 'release.approved', 'No.type'),
        anyStamp,
        anyAttributes,
        anyMembers,
        fc.boolean(),
        (type, stamp, attributes, members, membersFirst) => {
          const fields = membersFirst ? { ...members, ...attributes } : { ...attributes, ...members };
          const expected = outcome(() => stampEvent(type, fields, stamp, checkData).text);
          // Twice: the second time its layout is known.
          for (let i = 0; i < 2; i++) expect(outcome(() => textOf(type, fields, stamp))).toBe(expected);
          if (expected.startsWith('{')) plain++;
        },
      ),
      { numRuns: partOf(5_000) },
    );
    // Enough of them were events at all, and the fast path knew enough of them.
    expect(plain).toBeGreaterThan(partOf(1_000));
    expect(partOf(10_000) - asked).toBeGreaterThan(partOf(1_000));
  });

  it('sees that the same names came in another order, or with another one between', () => {
    const stamp = { id: '01997b3c-0000-7000-8000-000000000001', source: 's', time: '2026-01-01T00:00:00.000Z' };
    for (const fields of [
      { orgid: 'a', b: 1, a: 2 },
      { a: 2, orgid: 'a', b: 1 },
      { orgid: 'a', b: 1 },
      { orgid: 'a', b: 1, a: 2, c: 3 },
      { orgid: 'a', a: undefined, b: 1 },
      {},
    ]) {
      const full = { ...stamp, producer: 'p', producerseq: '1' };
      const expected = outcome(() => stampEvent('release.approved', fields, full, checkData).text);
      expect(outcome(() => textOf('release.approved', fields, full))).toBe(expected);
    }
  });
});
