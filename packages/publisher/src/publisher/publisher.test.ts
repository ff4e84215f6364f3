import { mkdtempDisposableSync, readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { artifactUploaded } from '@waybill/schema';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { ConnectionLike } from '../connection-like.ts';
import type { Publisher } from '../handle.ts';
import { createPublisher } from './publisher.ts';

/**
 * The counts under random faults, with a connection that follows a script. (test/publisher has tests with real
 * servers.)
 */
type Step =
  | 'emit'
  | 'emit invalid'
  | 'store'
  | 'store, ack lost'
  | 'refuse'
  | 'garble'
  | 'too large'
  | 'down'
  | 'up'
  | 'deny'
  | 'shrink'
  | 'turn'
  | 'wait';
const STEPS: Step[] = [
  'emit',
  'emit',
  'emit',
  'emit invalid',
  'store',
  'store',
  'store, ack lost',
  'refuse',
  'garble',
  'too large',
  'down',
  'up',
  'deny',
  'shrink',
  'turn',
  'turn',
  'wait',
];

interface Sent {
  readonly subject: string;
  readonly id: string;
  readonly reply: string;
}

function createScripted() {
  const statuses: { type: string; error?: object }[] = [];
  let wakeUp = (): void => {};
  let answer: ((error: null, message: object) => void) | undefined;
  const sent: Sent[] = [];
  const stored: string[] = [];
  const tell = (status: (typeof statuses)[number]): void => {
    statuses.push(status);
    wakeUp();
  };
  const connection = {
    info: { max_payload: 1_000_000 },
    publish(subject: string, _: Uint8Array, { reply, headers }: { reply: string; headers: { encode(): Uint8Array } }) {
      const id = /Nats-Msg-Id: (\S+)/.exec(new TextDecoder().decode(headers.encode()))?.[1] ?? '';
      sent.push({ subject, id, reply });
    },
    subscribe(_: string, { callback }: { callback: typeof answer }) {
      answer = callback;
      return { unsubscribe: () => (answer = undefined) };
    },
    async *status() {
      for (;;) {
        while (statuses.length > 0) yield statuses.shift() as { type: string };
        await new Promise<void>((resolve) => (wakeUp = resolve));
      }
    },
    closed: () => new Promise(() => {}),
    isClosed: () => false,
    close: () => Promise.resolve(),
  };
  const reply = (to: Sent, body: object): void =>
    answer?.(null, { subject: to.reply, data: new TextEncoder().encode(JSON.stringify(body)) });

  return {
    connection: connection as unknown as ConnectionLike,
    sent,
    stored,
    store(message: Sent, acked: boolean) {
      const duplicate = stored.includes(message.id);
      if (!duplicate) stored.push(message.id);
      if (acked) reply(message, { stream: 'AUDIT', seq: stored.indexOf(message.id) + 1, duplicate });
    },
    refuse: (message: Sent) => reply(message, { error: { code: 503, err_code: 10077, description: 'full' } }),
    garble: (message: Sent) => reply(message, ['?']),
    tooLarge: (message: Sent) => reply(message, { error: { code: 400, err_code: 10054, description: 'too large' } }),
    down() {
      sent.length = 0;
      tell({ type: 'disconnect' });
    },
    up: () => tell({ type: 'reconnect' }),
    /** Takes nothing, or everything, from now on. */
    limitPayload(bytes: number) {
      connection.info.max_payload = bytes;
    },
    deny: (message: Sent) => tell({ type: 'error', error: { operation: 'publish', subject: message.subject } }),
  };
}

function expectBalanced(publisher: Publisher): void {
  const { emitted, acked, pending, spooled, dropped } = publisher.stats();
  expect(acked + pending + spooled + Object.values(dropped).reduce((a, b) => a + b)).toBe(emitted);
}

test.for(['no spool', 'memory', 'async', 'sync'] as const)(
  'emitted = acked + pending + spooled + dropped at every moment, and in the end all that was acked is stored: %s',
  async (durability) => {
    using dir = mkdtempDisposableSync(join(tmpdir(), 'waybill-property-'));
    const spool = { spoolDir: dir.path, spoolSegmentBytes: 2_000, maxSpoolBytes: 15_000, spoolRetryMs: 1 };
    const extra = durability === 'no spool' ? {} : { ...spool, durability };
    const digest = `sha256:${'0'.repeat(64)}`;
    const turn = () => new Promise((resolve) => setImmediate(resolve));
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.constantFrom(...STEPS), fc.nat(5)), { maxLength: 120, size: 'max' }),
        async (script) => {
          const scripted = createScripted();
          const publisher = createPublisher({
            source: '//test',
            connection: scripted.connection,
            maxQueueEvents: 20,
            windowEvents: 4,
            ackTimeoutMs: 3,
            backoffMinMs: 0.1,
            backoffMaxMs: 1,
            parkProbeMs: 2,
            ...extra,
            logger: { info: () => {}, warn: () => {} },
            onDrop: () => expectBalanced(publisher),
          });
          let emitted = 0;
          for (const [step, n] of script) {
            const message = scripted.sent.length > 0 ? scripted.sent.splice(n % scripted.sent.length, 1)[0] : undefined;
            if (step === 'emit')
              for (let i = 0; i <= n; i++, emitted++) publisher.emit(artifactUploaded({ orgid: `org-${i}`, digest }));
            else if (step === 'emit invalid') {
              emitted++;
              publisher.emit(artifactUploaded({ orgid: 'org-0', digest: 'nonsense' }));
            } else if (step === 'turn') await turn();
            else if (step === 'wait') await new Promise((resolve) => setTimeout(resolve, n));
            else if (step === 'down' || step === 'up') scripted[step]();
            else if (step === 'shrink') scripted.limitPayload(n === 0 ? 10 : 1_000_000);
            else if (message && step === 'store') scripted.store(message, true);
            else if (message && step === 'store, ack lost') scripted.store(message, false);
            else if (message && step === 'refuse') scripted.refuse(message);
            else if (message && step === 'garble') scripted.garble(message);
            else if (message && step === 'too large') scripted.tooLarge(message);
            else if (message && step === 'deny') scripted.deny(message);
            expectBalanced(publisher);
          }
          // The server works again: every pending event is stored.
          scripted.limitPayload(1_000_000);
          scripted.up();
          // A publisher that has nothing left does not wait for a connection when it closes: it hears of it first.
          await turn();
          const start = performance.now();
          while (unsettled(publisher) > 0 && performance.now() - start < 60_000) {
            for (const message of scripted.sent.splice(0)) scripted.store(message, true);
            await turn();
            expectBalanced(publisher);
          }
          const { pending, spooled, acked, inFlight, parked, pendingBytes } = publisher.stats();
          expect({ pending, spooled, inFlight, parked, pendingBytes }).toEqual({
            pending: 0,
            spooled: 0,
            inFlight: 0,
            parked: 0,
            pendingBytes: 0,
          });
          expect(publisher.stats().emitted).toBe(emitted);
          expect(scripted.stored.length).toBeGreaterThanOrEqual(acked);
          expect(publisher.stats().dropped.spool_damaged).toBe(0);
          let isClosed = false;
          const closing = publisher.close().finally(() => {
            isClosed = true;
          });
          while (!isClosed) {
            for (const message of scripted.sent.splice(0)) scripted.store(message, true);
            await turn();
            expectBalanced(publisher);
          }
          await closing;
          const { ends } = publisher.stats();
          expect(ends).toMatchObject({ acked: ends.emitted, pending: 0, spooled: 0, dropped: 0 });
          expect(readdirSync(dir.path)).toEqual([]);
        },
      ),
      { numRuns: 40 },
    );
  },
);

function unsettled(publisher: Publisher): number {
  const { pending, spooled } = publisher.stats();
  return pending + spooled;
}

const upload = (orgid: string) => artifactUploaded({ orgid, digest: `sha256:${'0'.repeat(64)}` });

test('after "not now" the first event goes alone, then more and more, and nothing new before all of them', async () => {
  const scripted = createScripted();
  const publisher = createPublisher({
    source: '//test',
    connection: scripted.connection,
    backoffMinMs: 0.1,
    backoffMaxMs: 0.1,
    logger: { info: () => {}, warn: () => {} },
  });
  const orgs = Array.from({ length: 40 }, (_, n) => `org-${n}`);
  const orgOf = ({ subject }: Sent) => subject.split('.').at(-1);
  /** Events that go out until there are this many. A few more turns show that there are no more. */
  const batch = async (size: number): Promise<Sent[]> => {
    await expect.poll(() => scripted.sent.length).toBeGreaterThanOrEqual(size);
    for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve));
    expect(scripted.sent.length).toBe(size);
    return scripted.sent.splice(0);
  };
  const store = (messages: readonly Sent[]) => {
    for (const message of messages) scripted.store(message, true);
  };

  for (const org of orgs) publisher.emit(upload(org));
  // The very first event goes alone, too: whether there is a stream is not known yet.
  for (const size of [1, 2, 4, 8]) store(await batch(size));
  const flight = await batch(16);
  publisher.emit(upload('new'));
  for (const message of flight) scripted.refuse(message);
  const order: (string | undefined)[] = [];
  const ids: string[] = [];
  for (const size of [1, 2, 4, 8, 11]) {
    const messages = await batch(size);
    ids.push(...messages.map(({ id }) => id));
    order.push(...messages.map(orgOf));
    store(messages);
  }
  expect(order).toEqual([...orgs.slice(15), 'new']);
  expect(ids.slice(0, 16)).toEqual(flight.map(({ id }) => id));
  expect(await publisher.close()).toMatchObject({ lost: 0 });
});

test('an event that is too large after a reconnect is dropped and not tried for ever', async () => {
  const scripted = createScripted();
  const publisher = createPublisher({
    source: '//test',
    connection: scripted.connection,
    logger: { info: () => {}, warn: () => {} },
  });
  publisher.emit(upload('acme'));
  await expect.poll(() => scripted.sent.length).toBe(1);
  scripted.down();
  scripted.limitPayload(100);
  scripted.up();
  expect(await publisher.flush()).toBe(true);
  expect(publisher.stats()).toMatchObject({ acked: 0, pendingBytes: 0, inFlight: 0, dropped: { too_large: 1 } });
  await publisher.close();
});
