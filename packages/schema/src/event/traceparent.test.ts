import { expect, test } from 'vitest';
import { INVALID_TRACEPARENTS, VALID_TRACEPARENTS } from '../../test-support/traceparent.ts';
import { checkEvent, EventAttributes } from './event.ts';

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

test.for(VALID_TRACEPARENTS)('%s is accepted', (traceparent) => {
  expect(EventAttributes.safeParse({ orgid: 'acme', traceparent }).success).toBe(true);
  expect(() => checkEvent(event(traceparent))).not.toThrow();
});

test.for(INVALID_TRACEPARENTS)('%j is refused', (traceparent) => {
  expect(EventAttributes.safeParse({ orgid: 'acme', traceparent }).success).toBe(false);
  expect(() => checkEvent(event(traceparent))).toThrow('traceparent is ');
});
