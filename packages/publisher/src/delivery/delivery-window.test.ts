import { MAX_MISSING, ProducerWindows } from '@waybill/schema/internal';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { InboxMessage, Link } from '../connection/link.ts';
import type { PendingEvent } from '../pending-event.ts';
import { Delivery } from './delivery.ts';

/**
 * Delivery together with the window of a chain: whatever a server refuses, does not answer or gets late, each stored
 * event is chained. The server here is a script, which fails as often in a moment as a real one in a bad week.
 * test/publisher/holes.test.ts uses real servers.
 */

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
});
afterEach(() => {
  vi.useRealTimers();
});

const PARK_PROBE_MS = 1_000;
const TYPES = ['a.made', 'b.made', 'c.made'] as const;
type Type = (typeof TYPES)[number];

/** What becomes of a message that is permitted. */
type Fate = 'store' | 'ack lost' | 'refuse' | 'too large';

type Step =
  | { readonly do: 'emit'; readonly org: number; readonly types: readonly (Type | 'dropped')[]; readonly times: number }
  | { readonly do: 'serve'; readonly messages: number; readonly fates: readonly Fate[] }
  | { readonly do: 'permit' | 'forbid'; readonly type: Type }
  | { readonly do: 'answer' | 'turn' | 'probe' | 'timeout' | 'reconnect' | 'adopt' | 'flow' };

const stepOf: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('emit' as const),
      org: fc.nat(1),
      types: fc.array(fc.constantFrom(...TYPES, 'dropped' as const), { minLength: 1, maxLength: 4 }),
      times: fc.integer({ min: 1, max: 150 }),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('serve' as const),
      messages: fc.integer({ min: 1, max: 200 }),
      fates: fc.array(
        fc.oneof(
          { weight: 6, arbitrary: fc.constant('store' as const) },
          { weight: 1, arbitrary: fc.constantFrom('ack lost' as const, 'refuse' as const, 'too large' as const) },
        ),
        { minLength: 1, maxLength: 5 },
      ),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constantFrom('permit' as const, 'forbid' as const),
      type: fc.constantFrom(...TYPES),
    }),
  },
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constantFrom('answer', 'turn', 'turn', 'probe', 'timeout', 'reconnect', 'adopt', 'flow', 'flow'),
    }) as fc.Arbitrary<Step>,
  },
);

interface Sent {
  readonly event: PendingEvent;
  readonly reply: string;
}

/** A server with a stream, and a chain of each organization. */
function createWorld(maxParked = 400) {
  const windows = new Map<string, ProducerWindows>();
  const stored = new Set<string>();
  const wrong: string[] = [];
  const forbidden = new Set<string>();
  const numbers = new Map<string, number>();
  const settled = { acked: 0, dropped: 0 };
  const byId = new Map<string, PendingEvent>();
  const pending = new Map<string, PendingEvent>();
  let offered = 0;
  let network: Sent[] = [];
  let answers: (() => void)[] = [];
  let producer = 'p1';
  let deliver: (message: InboxMessage) => void = () => {};
  let links = 0;

  const delivery = new Delivery({
    windowEvents: 1_024,
    ackTimeoutMs: 500,
    parkProbeMs: PARK_PROBE_MS,
    maxParked,
    maxParkedBytes: 1_000_000,
    backoff: { minMs: 1, maxMs: 5 },
    mayWait: () => true,
    acked({ id }) {
      settled.acked++;
      pending.delete(id);
    },
    dropped({ id }) {
      settled.dropped++;
      pending.delete(id);
    },
    wake: () => {},
  });

  const link = (): Link => {
    const prefix = `inbox${++links}`;
    return {
      maxPayload: 1_000,
      publish(_subject, _text, { reply, id }) {
        network.push({ event: byId.get(id) as PendingEvent, reply });
      },
      openInbox(onMessage) {
        deliver = onMessage;
        return { prefix, close: () => {} };
      },
      release: () => {},
    };
  };

  const reply = (to: Sent, body: object): void => {
    const data = new TextEncoder().encode(JSON.stringify(body));
    answers.push(() => deliver({ subject: to.reply, data }));
  };

  const store = ({ id, orgid, producer: by, producerseq }: PendingEvent): void => {
    if (stored.has(id)) return;
    stored.add(id);
    let window = windows.get(orgid);
    if (!window) windows.set(orgid, (window = new ProducerWindows()));
    const admission = window.admit(by, producerseq, stored.size);
    if (admission !== 'new' && admission !== 'late') wrong.push(`${orgid} ${by} ${producerseq}: ${admission}`);
  };

  const serveOne = (message: Sent, fate: Fate): void => {
    const { event } = message;
    if (forbidden.has(event.type)) {
      // The denial comes at once. Acknowledgements of earlier events come a moment later.
      answers.unshift(() => delivery.denied({ operation: 'publish', subject: event.subject }));
      return;
    }
    if (fate === 'refuse') return reply(message, { error: { code: 503, err_code: 10077, description: 'full' } });
    if (fate === 'too large') return reply(message, { error: { code: 400, err_code: 10054, description: 'large' } });
    store(event);
    if (fate === 'store') reply(message, { stream: 'AUDIT', seq: stored.size, duplicate: false });
  };

  const emit = (org: number, type: Type | 'dropped'): void => {
    const orgid = `org${org}`;
    const key = `${producer} ${orgid}`;
    const producerseq = (numbers.get(key) ?? 0) + 1;
    numbers.set(key, producerseq);
    if (type === 'dropped') return;
    const id = `${key} ${producerseq}`;
    const ordinal = offered++;
    const event = {
      ordinal,
      type,
      orgid,
      producer,
      producerseq,
      id,
      text: id,
      subject: `audit.${type}.${orgid}`,
      bytes: 10,
    };
    const rest = {
      timeMs: 0,
      state: 'stamped',
      fields: null,
      memory: 0,
      unsigned: null,
      tries: 0,
      waiter: null,
    } as const;
    const made: PendingEvent = { ...event, ...rest, segment: null, adopted: producer !== 'p1' };
    byId.set(id, made);
    pending.set(id, made);
    delivery.offer(made);
  };

  const turn = (): void => {
    while (delivery.run(Infinity));
  };

  /** Everything that is permitted is stored for a while, so more and more events are in flight at once. */
  const flow = (): void => {
    for (let round = 0; round < 12; round++) {
      turn();
      for (const message of network.splice(0)) serveOne(message, 'store');
      for (const answer of answers.splice(0)) answer();
    }
    turn();
  };

  /** Ranges that a chain has to remember so that pending events are chained when they come. */
  const openRanges = (): number => {
    const lowest = new Map<string, number>();
    for (const { id, orgid, producer: by, producerseq } of pending.values()) {
      const key = `${by} ${orgid}`;
      if (!stored.has(id)) lowest.set(key, Math.min(producerseq, lowest.get(key) ?? Infinity));
    }
    let most = 0;
    for (const [orgid, its] of windows) {
      for (const [by, { missing }] of its) {
        const low = lowest.get(`${by} ${orgid}`) ?? Infinity;
        most = Math.max(most, missing.filter(([, last]) => last >= low).length);
      }
    }
    return most;
  };

  const step = (now: Step): void => {
    if (now.do === 'emit') {
      for (let i = 0; i < now.times; i++) for (const type of now.types) emit(now.org, type);
    } else if (now.do === 'serve') {
      const served = network.splice(0, now.messages);
      for (const [i, message] of served.entries()) serveOne(message, now.fates[i % now.fates.length] ?? 'store');
    } else if (now.do === 'permit') forbidden.delete(now.type);
    else if (now.do === 'forbid') forbidden.add(now.type);
    else if (now.do === 'answer') for (const answer of answers.splice(0)) answer();
    else if (now.do === 'turn') turn();
    else if (now.do === 'probe') vi.advanceTimersByTime(PARK_PROBE_MS);
    else if (now.do === 'timeout') vi.advanceTimersByTime(10);
    else if (now.do === 'flow') flow();
    else if (now.do === 'adopt') producer = producer === 'p1' ? 'p2' : 'p1';
    else {
      network = [];
      answers = [];
      delivery.disconnect();
      delivery.connect(link());
    }
  };
  delivery.connect(link());

  return {
    delivery,
    wrong,
    step,
    openRanges,
    /** Permits and stores everything from here on. @returns how many events are not settled then */
    drain(): number {
      forbidden.clear();
      for (let round = 0; round < 20_000 && settled.acked + settled.dropped < offered; round++) {
        turn();
        step({ do: 'serve', messages: Infinity, fates: ['store'] });
        step({ do: 'answer' });
        if (round % 10 === 9) vi.advanceTimersByTime(PARK_PROBE_MS);
      }
      return offered - settled.acked - settled.dropped;
    },
    settled,
  };
}

test('whatever is refused, not answered, denied for a while or dropped: each stored event is chained, and all are settled', () => {
  fc.assert(
    fc.property(fc.array(stepOf, { maxLength: 80, size: 'max' }), (steps) => {
      const world = createWorld();
      for (const step of steps) {
        world.step(step);
        // Half of it, and the other half where acknowledgements were lost just before the permission was.
        expect(world.openRanges()).toBeLessThanOrEqual(MAX_MISSING);
      }
      expect(world.drain()).toBe(0);
      expect(world.wrong).toEqual([]);
      expect(world.delivery.parked).toBe(0);
      world.delivery.close();
    }),
    { numRuns: 200 },
  );
});
