import { expect, test } from 'vitest';
import type { PendingEvent } from '../pending-event.ts';
import { createParking, type Parking } from './denied-subjects.ts';

const eventOf = (producerseq: number, action: string, more: Partial<PendingEvent> = {}): PendingEvent => {
  const orgid = more.orgid ?? 'acme';
  const event = { producer: 'p', orgid, producerseq, type: `file.${action}`, subject: `audit.file.${action}.${orgid}` };
  return { ...event, bytes: 10, adopted: false, ...more } as PendingEvent;
};

function createLot(maxEvents = 1_000, maxBytes = Infinity) {
  const dropped: string[] = [];
  const parking = createParking({
    maxEvents,
    maxBytes,
    dropped: ({ orgid, producerseq }) => void dropped.push(`${orgid} ${producerseq}`),
  });
  return { parking, dropped };
}

/** Its subject is refused by the server. */
function deny(parking: Parking, event: PendingEvent, token = event.producerseq): void {
  expect(parking.judge(event)).toBe('send');
  parking.denied(event.subject, new Map([[token, event]]));
}

/** Everything that may go, each as if it was stored. */
function depart(parking: Parking): PendingEvent[] {
  const gone: PendingEvent[] = [];
  for (let next = parking.next(); next !== undefined; next = parking.next()) {
    gone.push(next.event);
    parking.settled(next.event, 'stored');
  }
  return gone;
}

test('when the right comes, an organization goes out in the order of its numbers, as far as it is permitted', () => {
  const { parking } = createLot();
  deny(parking, eventOf(1, 'read'));
  deny(parking, eventOf(2, 'shared'));
  for (let number = 3; number <= 60; number++) {
    const event = eventOf(number, ['made', 'read', 'shared'][number % 3] as string);
    const permission = parking.judge(event);
    if (permission === 'send') parking.settled(event, 'stored');
    else parking.park(event);
  }
  expect(depart(parking)).toEqual([]);
  const tried = parking.probe(1_000);
  expect(tried?.event.producerseq).toBe(1);
  // The token that it was sent with before, so that whatever is said of either try is understood.
  expect(tried?.token).toBe(1);
  parking.probed(1);
  const first = depart(parking).map(({ producerseq, type }) => [producerseq, type] as const);
  expect(first.length).toBeGreaterThan(15);
  expect(first.filter(([, type]) => type === 'file.shared')).toEqual([]);
  expect(first.map(([number]) => number)).toEqual(first.map(([number]) => number).toSorted((a, b) => a - b));
  parking.openAll();
  expect(depart(parking).length + first.length).toBeGreaterThan(30);
  expect(parking.events).toBe(0);
});

test('a share of the room for each organization, and room for all: the oldest that is not permitted gives way', () => {
  const { parking, dropped } = createLot(8);
  deny(parking, eventOf(1, 'read'));
  for (let number = 2; number <= 4; number++) parking.park(eventOf(number, 'read'));
  expect(dropped).toEqual([]);
  parking.park(eventOf(5, 'read'));
  expect(dropped).toEqual(['acme 1']);
  deny(parking, eventOf(1, 'read', { orgid: 'beta' }));
  for (let number = 2; number <= 4; number++) parking.park(eventOf(number, 'read', { orgid: 'beta' }));
  deny(parking, eventOf(1, 'read', { orgid: 'gamma' }));
  expect(dropped).toEqual(['acme 1', 'acme 2']);
  expect(parking.events).toBe(8);
});

test('room is counted in bytes, too: a few large events leave the queue to others', () => {
  const { parking, dropped } = createLot(1_000, 1_000);
  deny(parking, eventOf(1, 'read', { bytes: 400 }));
  parking.park(eventOf(2, 'read', { bytes: 400 }));
  parking.park(eventOf(3, 'read', { bytes: 90 }));
  expect(dropped).toEqual(['acme 1']);
});

test('dead publishers have room of their own', () => {
  const { parking, dropped } = createLot(2);
  deny(parking, eventOf(1, 'read'));
  deny(parking, eventOf(1, 'read', { orgid: 'beta', adopted: true, producer: 'dead' }));
  expect([parking.events, parking.adopted]).toEqual([2, 1]);
  expect(dropped).toEqual([]);
});

test('an acknowledgement that comes after the refusal of its subject is that of the event', () => {
  const { parking } = createLot();
  const first = eventOf(1, 'read');
  expect(parking.judge(first)).toBe('send');
  deny(parking, eventOf(2, 'read'));
  parking.denied(first.subject, new Map([[77, first]]));
  expect(parking.sentAs(77)).toBe(first);
  parking.answered(first, 'stored');
  expect(parking.events).toBe(1);
  expect(parking.sentAs(77)).toBeUndefined();
});

test('very many events of one subject are handed back, in order', () => {
  const { parking } = createLot(Infinity);
  const events = 300_000;
  deny(parking, eventOf(1, 'read'));
  for (let number = 2; number <= events; number++) parking.park(eventOf(number, 'read'));
  parking.openAll();
  // They are refused again, and permitted again.
  const again = parking.next();
  expect(again?.event.producerseq).toBe(1);
  parking.denied('audit.file.read.acme', new Map([[1, again?.event as PendingEvent]]));
  parking.openAll();
  const released = depart(parking);
  expect(released).toHaveLength(events);
  expect(released.every(({ producerseq }, i) => producerseq === i + 1)).toBe(true);
  expect(parking.events).toBe(0);
});
