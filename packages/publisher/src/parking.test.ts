import { expect, test } from 'vitest';
import { createParking } from './parking.ts';
import type { PendingEvent } from './pending-event.ts';

test('very many events of one subject are handed back, in order', () => {
  const parking = createParking(Infinity);
  const events = 300_000;
  for (let ordinal = events; ordinal > 0; ordinal--) {
    parking.park({ subject: 'audit.a.b.acme', type: 'a.b', ordinal } as PendingEvent);
  }
  const released = parking.releaseAll();
  expect(released).toHaveLength(events);
  expect(released[0]?.ordinal).toBe(1);
  expect(parking.events).toBe(0);
});
