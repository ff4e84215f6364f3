import { expect, test } from 'vitest';
import type { PendingEvent } from '../pending-event.ts';
import { DeniedSubjects } from './denied-subjects.ts';

const eventOf = (producerseq: number, action: string, more: Partial<PendingEvent> = {}): PendingEvent => {
  const orgid = more.orgid ?? 'acme';
  const event = { producer: 'p', orgid, producerseq, type: `file.${action}`, subject: `audit.file.${action}.${orgid}` };
  return { ...event, bytes: 10, adopted: false, ...more } as PendingEvent;
};

function createWaiting(maxEvents = 1_000, maxBytes = Infinity) {
  const dropped: string[] = [];
  const denied = new DeniedSubjects({
    maxEvents,
    maxBytes,
    dropped: ({ orgid, producerseq }) => void dropped.push(`${orgid} ${producerseq}`),
  });
  return { denied, dropped };
}

/** The server denies the event's subject. */
function deny(denied: DeniedSubjects, event: PendingEvent, token = event.producerseq): void {
  expect(denied.judge(event)).toBe('send');
  denied.deny(event.subject, new Map([[token, event]]));
}

/** Takes every event that may go, as if each was stored. */
function depart(denied: DeniedSubjects): PendingEvent[] {
  const gone: PendingEvent[] = [];
  for (let next = denied.next(); next !== undefined; next = denied.next()) {
    gone.push(next.event);
    denied.settled(next.event, 'stored');
  }
  return gone;
}

test('with the permission, an organization goes out in the order of its numbers, as far as it is permitted', () => {
  const { denied } = createWaiting();
  deny(denied, eventOf(1, 'read'));
  deny(denied, eventOf(2, 'shared'));
  for (let number = 3; number <= 60; number++) {
    const event = eventOf(number, ['made', 'read', 'shared'][number % 3] as string);
    const permission = denied.judge(event);
    if (permission === 'send') denied.settled(event, 'stored');
    else denied.add(event);
  }
  expect(depart(denied)).toEqual([]);
  const tried = denied.probe(1_000);
  expect(tried?.event.producerseq).toBe(1);
  // The token of the earlier try, so that an answer to either try is understood.
  expect(tried?.token).toBe(1);
  denied.permit(1);
  const first = depart(denied).map(({ producerseq, type }) => [producerseq, type] as const);
  expect(first.length).toBeGreaterThan(15);
  expect(first.filter(([, type]) => type === 'file.shared')).toEqual([]);
  expect(first.map(([number]) => number)).toEqual(first.map(([number]) => number).toSorted((a, b) => a - b));
  denied.permitAll();
  expect(depart(denied).length + first.length).toBeGreaterThan(30);
  expect(denied.events).toBe(0);
});

test('each organization has a share of the room: the oldest event of a denied subject is dropped for a new one', () => {
  const { denied, dropped } = createWaiting(8);
  deny(denied, eventOf(1, 'read'));
  for (let number = 2; number <= 4; number++) denied.add(eventOf(number, 'read'));
  expect(dropped).toEqual([]);
  denied.add(eventOf(5, 'read'));
  expect(dropped).toEqual(['acme 1']);
  deny(denied, eventOf(1, 'read', { orgid: 'beta' }));
  for (let number = 2; number <= 4; number++) denied.add(eventOf(number, 'read', { orgid: 'beta' }));
  deny(denied, eventOf(1, 'read', { orgid: 'gamma' }));
  expect(dropped).toEqual(['acme 1', 'acme 2']);
  expect(denied.events).toBe(8);
});

test('room is counted in bytes too: a few large events do not fill the queue', () => {
  const { denied, dropped } = createWaiting(1_000, 1_000);
  deny(denied, eventOf(1, 'read', { bytes: 400 }));
  denied.add(eventOf(2, 'read', { bytes: 400 }));
  denied.add(eventOf(3, 'read', { bytes: 90 }));
  expect(dropped).toEqual(['acme 1']);
});

test('dead publishers have room of their own', () => {
  const { denied, dropped } = createWaiting(2);
  deny(denied, eventOf(1, 'read'));
  deny(denied, eventOf(1, 'read', { orgid: 'beta', adopted: true, producer: 'dead' }));
  expect([denied.events, denied.adopted]).toEqual([2, 1]);
  expect(dropped).toEqual([]);
});

test('an acknowledgement after the denial of its subject counts for the event', () => {
  const { denied } = createWaiting();
  const first = eventOf(1, 'read');
  expect(denied.judge(first)).toBe('send');
  deny(denied, eventOf(2, 'read'));
  denied.deny(first.subject, new Map([[77, first]]));
  expect(denied.sentAs(77)).toBe(first);
  denied.answered(first, 'stored');
  expect(denied.events).toBe(1);
  expect(denied.sentAs(77)).toBeUndefined();
});

test('very many events of one subject go out in order', () => {
  const { denied } = createWaiting(Infinity);
  const events = 300_000;
  deny(denied, eventOf(1, 'read'));
  for (let number = 2; number <= events; number++) denied.add(eventOf(number, 'read'));
  denied.permitAll();
  // The subject is denied again, and permitted again.
  const again = denied.next();
  expect(again?.event.producerseq).toBe(1);
  denied.deny('audit.file.read.acme', new Map([[1, again?.event as PendingEvent]]));
  denied.permitAll();
  const released = depart(denied);
  expect(released).toHaveLength(events);
  expect(released.every(({ producerseq }, i) => producerseq === i + 1)).toBe(true);
  expect(denied.events).toBe(0);
});
