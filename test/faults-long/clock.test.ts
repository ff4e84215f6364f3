import type { Msg, NatsConnection, SubscriptionOptions } from '@nats-io/nats-core';
import { startConsumer, verifyLedger } from '@waybill/consumer';
import { beforeEach, expect, test } from 'vitest';
import { caughtUp, checkLedger } from '../support/check-ledger.ts';
import { logger } from '../support/logger.ts';
import { needsOwnServer, startNats } from '../support/nats.ts';
import { type ArtifactFields, artifactEvent, createCount, makeStreams, publishAll } from '../support/traffic.ts';

/**
 * A server's clock that is set back, as after an election of a leader whose clock is behind. It cannot be set for one
 * process here (nats-server is static and asks the kernel), so the times that it gives its messages are changed on
 * their way to Waybill. The promise: `received` never goes back within a chain, and verification derives the same.
 */

beforeEach(needsOwnServer);

const HOUR_NS = 3_600_000_000_000n;
const HOUR_MS = 3_600_000;

/** The same of an answer to a direct get: there the time is in a header, which is before the payload in memory. */
function earlierAnswer(message: Msg, from: number): Msg {
  const { data } = message;
  const before = Buffer.from(data.buffer, 0, data.byteOffset).toString('latin1');
  const headers = before.slice(before.lastIndexOf('NATS/1.0'));
  if (!(Number(/Nats-Sequence: (\d+)/.exec(headers)?.[1]) >= from)) return message;
  const shifted = headers.replace(/(?<=Nats-Time-Stamp: )[^\r]+/, (time) =>
    new Date(Date.parse(time) - HOUR_MS).toISOString(),
  );
  const head = Buffer.from(shifted, 'latin1');
  const whole = new Uint8Array(head.length + data.length);
  whole.set(head);
  whole.set(data, head.length);
  return new Proxy(message, {
    get: (target, property) =>
      property === 'data' ? whole.subarray(head.length) : (Reflect.get(target, property, target) as unknown),
  });
}

/** `from` on, messages were stored an hour earlier than they were. */
function setBack(real: NatsConnection, from: number): NatsConnection {
  const earlier = (message: Msg): Msg => {
    const tokens = message.reply?.split('.') ?? [];
    if (tokens[1] !== 'ACK') return earlierAnswer(message, from);
    if (Number(tokens.at(-4)) < from) return message;
    tokens.splice(-2, 1, String(BigInt(tokens.at(-2) as string) - HOUR_NS));
    return new Proxy(message, {
      get: (target, property) =>
        property === 'reply' ? tokens.join('.') : (Reflect.get(target, property, target) as unknown),
    });
  };
  const subscribe: NatsConnection['subscribe'] = (subject, options) => {
    const callback = options?.callback;
    if (!callback) return real.subscribe(subject, options);
    const shifted: SubscriptionOptions = {
      ...options,
      callback: (error, message) => callback(error, earlier(message)),
    };
    return real.subscribe(subject, shifted);
  };
  return new Proxy(real, {
    get(target, property) {
      if (property === 'subscribe') return subscribe;
      const value: unknown = Reflect.get(target, property, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

test('the server’s clock is set back by an hour in the middle of a chain', async () => {
  await using server = await startNats();
  const nc = await server.connect();
  const settings = await makeStreams(nc);
  const count = createCount();
  const events: ArtifactFields[] = Array.from({ length: 900 }, (_, i) => ({
    orgid: `org-${i % 3}`,
    kind: 'upload',
    bytes: i,
  }));
  events.forEach(count.add);
  await publishAll(
    nc,
    events.map((fields) => artifactEvent(settings, fields)),
  );
  const wrong = setBack(nc, 400);
  await using _consumer = await startConsumer({
    nc: wrong,
    logger,
    ...settings,
    maxOpenEntries: 50,
  });
  await caughtUp(nc, settings);
  const ledger = await checkLedger(nc, settings);
  expect(ledger.totals).toEqual(count.totals());
  let held = 0;
  for (const orgid of ledger.totals.keys()) {
    const entries = ledger.entries(orgid);
    const before = entries.filter(({ core }) => core.source.seq < 400).at(-1)?.core.received ?? '';
    const after = entries.filter(({ core }) => core.source.seq >= 400);
    held += after.length;
    expect(before).not.toBe('');
    expect(new Set(after.map(({ core }) => core.received))).toEqual(new Set([before]));
  }
  expect(await verifyLedger(wrong, settings)).toMatchObject({ verdict: 'ok', audit: { compared: 900 } });
  console.log(`clock back by an hour: ${held} of 900 entries keep the last time before it; verify --all ok`);
});
