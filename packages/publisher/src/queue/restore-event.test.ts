import { expect, test } from 'vitest';
import { restoreEvent } from './restore-event.ts';

const EVENT = {
  id: '0197c1a0-0000-7000-8000-000000000000',
  type: 'run.started',
  orgid: 'acme',
  producer: 'p1',
  producerseq: '7',
  time: '2026-07-01T00:00:00.000Z',
};

function restore(text: string) {
  const record = { ordinal: 3, subject: 'audit.run.started.acme', text };
  return restoreEvent(record, { segment: null, adopted: false, waiter: null });
}

test('an event comes back as it was written', () => {
  const text = JSON.stringify(EVENT);
  expect(restore(text)).toMatchObject({ ordinal: 3, producerseq: 7, orgid: 'acme', text, bytes: text.length });
});

/** Whoever may write to the directory can give a record a valid CRC. */
test.each([
  ['no JSON', '{'],
  ['null', 'null'],
  ['a number', '5'],
  ['a line break in the id', JSON.stringify({ ...EVENT, id: 'a\r\nPUB x 0' })],
  ['a number that is none', JSON.stringify({ ...EVENT, producerseq: 'seven' })],
  ['a number that cannot be converted', JSON.stringify({ ...EVENT, producerseq: { valueOf: 1, toString: 1 } })],
  ['a time that cannot be converted', JSON.stringify({ ...EVENT, time: { toString: 1 } })],
])('%s is no event, and does not throw', (_, text) => {
  expect(restore(text)).toBe(null);
});
