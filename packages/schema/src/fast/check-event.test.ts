import fc from 'fast-check';
import { expect, it, test } from 'vitest';
import { suspicious } from '../../test-support/event.ts';
import { partOf } from '../../test-support/part.ts';
import { INVALID_TRACEPARENTS, VALID_TRACEPARENTS } from '../../test-support/traceparent.ts';
import { checkEvent, Event } from '../event/event.ts';
import { canonicalJson } from '../json/canonical.ts';
import type { Json, JsonObject } from '../json/json.ts';
import { isCertainlyAnEvent, isCertainlyRight } from './check-event.ts';
import { readEventFacts } from './read-event.ts';

const event: JsonObject = {
  specversion: '1.0',
  id: '01997b3c-0000-7000-8000-000000000001',
  source: '//cas.example/artifact-cas',
  type: 'casartifact.uploaded',
  time: '2026-01-01T00:00:00.000Z',
  orgid: 'acme',
  data: {},
};

it('recognizes ordinary events, and nothing that checkEvent refuses', () => {
  expect(isCertainlyAnEvent(event)).toBe(true);
  expect(isCertainlyAnEvent({ ...event, actortype: 'USER', actorid: 'u', producer: 'p', producerseq: '7' })).toBe(true);
  const names = fc.constantFrom(...Object.keys(Event.shape), 'extension', 'Bad_name', '__proto__');
  const change = fc.tuple(names, fc.option(suspicious, { nil: undefined }));
  let recognized = 0;
  fc.assert(
    fc.property(fc.array(change, { maxLength: 3 }), (changes) => {
      const changed: Record<string, Json | undefined> = { ...event };
      for (const [name, value] of changes) {
        Object.defineProperty(changed, name, { value, enumerable: true, configurable: true, writable: true });
        if (value === undefined) Reflect.deleteProperty(changed, name);
      }
      if (!isCertainlyAnEvent(changed as JsonObject)) return;
      recognized++;
      // Only the schema decides here: this file installs no fast path.
      expect(() => checkEvent(changed as JsonObject)).not.toThrow();
    }),
    { numRuns: partOf(5_000) },
  );
  expect(recognized).toBeGreaterThan(partOf(100));
});

test.for(VALID_TRACEPARENTS)('%s is right', (traceparent) => {
  expect(isCertainlyRight('traceparent', traceparent)).toBe(true);
  expect(readEventFacts(canonicalJson({ ...event, traceparent }))).not.toBe(null);
});

test.for(INVALID_TRACEPARENTS)('%j is not', (traceparent) => {
  expect(isCertainlyRight('traceparent', traceparent)).toBe(false);
  expect(readEventFacts(canonicalJson({ ...event, traceparent }))).toBe(null);
});
