/** What a `traceparent` may be in an event, by each way of checking one: https://www.w3.org/TR/trace-context/ */
import { expect, test } from 'vitest';
import { canonicalJson } from '../json/canonical.ts';
import { checkEvent, EventAttributes, isPlainAttribute } from './event.ts';
import { readPlainEvent } from '../fast/read-event.ts';

const TRACE = '0af7651916cd43dd8448eb211c80319c';
const PARENT = 'b7ad6b7169203331';
const IDS = `${TRACE}-${PARENT}`;

const valid = [
  `00-${IDS}-01`,
  `00-${IDS}-ff`,
  `01-${IDS}-01`,
  `fe-${IDS}-00-what-the-future-will-be-like`,
  `01-${IDS}-01-${'x'.repeat(200)}`,
];
const invalid = [
  `ff-${IDS}-01`,
  `ff-${IDS}-01-more`,
  `00-${'0'.repeat(32)}-${PARENT}-01`,
  `00-${TRACE}-${'0'.repeat(16)}-01`,
  `01-${'0'.repeat(32)}-${PARENT}-01`,
  `01-${TRACE}-${'0'.repeat(16)}-01-more`,
  `00-${IDS}-01-more`,
  `00-${IDS}-01-`,
  `01-${IDS}-01.more`,
  `01-${IDS}-01-${'x'.repeat(201)}`,
  `01-${IDS}-01-a b`,
  `01-${IDS}-01-a"b`,
  `01-${IDS}-01-a\\b`,
  `00-${IDS.toUpperCase()}-01`,
  `00-${IDS}-01\n`,
  'x',
  '',
];

const event = (traceparent: string) => ({
  specversion: '1.0',
  id: '01997b3c-0000-7000-8000-000000000001',
  source: '//cas.example/artifact-cas',
  type: 'casartifact.uploaded',
  time: '2026-01-01T00:00:00.000Z',
  orgid: 'acme',
  traceparent,
  data: {},
});

test.for(valid)('%s is taken', (traceparent) => {
  expect(isPlainAttribute('traceparent', traceparent)).toBe(true);
  expect(EventAttributes.safeParse({ orgid: 'acme', traceparent }).success).toBe(true);
  expect(() => checkEvent(event(traceparent))).not.toThrow();
  expect(readPlainEvent(canonicalJson(event(traceparent)))).not.toBe(null);
});

test.for(invalid)('%j is refused', (traceparent) => {
  expect(isPlainAttribute('traceparent', traceparent)).toBe(false);
  expect(EventAttributes.safeParse({ orgid: 'acme', traceparent }).success).toBe(false);
  expect(() => checkEvent(event(traceparent))).toThrow('traceparent is ');
  expect(readPlainEvent(canonicalJson(event(traceparent)))).toBe(null);
});
