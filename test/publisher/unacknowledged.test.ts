/** One event that gets nowhere, and nothing after it: the log says why, without anybody asking. */
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { createPublisher, createSigner, type PublisherOptions } from '@waybill/publisher';
import { beforeEach, expect, test } from 'vitest';
import { expectChained } from '../support/expect-chained.ts';
import { needsOwnServer, startNats } from '../support/nats.ts';
import { SOURCE, upload } from '../support/publishers.ts';
import { createAudit } from '../support/audit-stream.ts';
import { memoryLogger } from '../support/logger.ts';
import { PATIENT, WAIT_MS } from '../support/time.ts';

beforeEach(needsOwnServer);

/** Emits once, and waits for the log to give this reason. */
async function expectReason(options: Partial<PublisherOptions>, reason: RegExp) {
  const logger = memoryLogger();
  const publisher = createPublisher({ source: SOURCE, logger, ...options });
  publisher.emit(upload(1));
  await expect
    .poll(() => logger.lines)
    .toContainEqual({
      level: 'warn',
      fields: { reason: expect.stringMatching(reason) },
      message: 'events are queued and not stored',
    });
  expect(publisher.status().state).not.toBe('connected');
  return { publisher, logger };
}

test('no right to subscribe to its inbox', async () => {
  await using server = await startNats({
    extraConfig: `authorization { users: [
      { user: admin, password: a }
      { user: producer, password: p, permissions { publish { allow: ["audit.>"] }, subscribe { allow: ["other.>"] } } }
    ] }`,
  });
  await createAudit(await server.connect({ user: 'admin', pass: 'a' }));
  const connect = { user: 'producer', pass: 'p' };
  const { publisher } = await expectReason({ servers: server.url, connect }, /not permitted to subscribe to _INBOX\./);
  await publisher.close({ timeoutMs: 1 });
});

test('a server that does not answer, and an acknowledgement that is waited for longer than that', async () => {
  await using server = await startNats();
  const nc = await server.connect();
  await createAudit(nc);
  await server.pause();
  const options = { connection: nc, ackTimeoutMs: WAIT_MS };
  const { publisher, logger } = await expectReason(options, /^no acknowledgement for \d+ s$/);
  expect(publisher.stats()).toMatchObject({ pending: 1, inFlight: 1 });
  // It goes on when the server does, and the log says that, too.
  await server.resume();
  await expect.poll(() => publisher.stats().acked).toBe(1);
  await expect.poll(() => logger.lines.at(-1)?.message).toBe('connected');
  await publisher.close({ timeoutMs: 1 });
});

test('a peer that accepts and never speaks', async () => {
  const silent = createServer(() => {}).listen(0, '127.0.0.1');
  await expect.poll(() => silent.listening).toBe(true);
  const servers = `nats://127.0.0.1:${(silent.address() as AddressInfo).port}`;
  const { publisher } = await expectReason({ servers, connect: { timeout: WAIT_MS } }, /connecting/);
  await publisher.close({ timeoutMs: 1 });
  silent.close();
});

test('a function that never gives its connection', async () => {
  const connection = () => new Promise<never>(() => {});
  const { publisher } = await expectReason({ connection }, /the function that gives the connection has not answered/);
  await publisher.close({ timeoutMs: 1 });
});

test('a signing key that does not come', async () => {
  await using server = await startNats();
  await createAudit(await server.connect());
  const signer = createSigner({ getSecret: () => new Promise<never>(() => {}), timeoutMs: WAIT_MS });
  const { publisher } = await expectReason({ servers: server.url, signer }, /waiting for the signing key/);
  await publisher.close({ timeoutMs: 1 });
});

test('events that get somewhere are no reason, however many are pending', async () => {
  await using server = await startNats();
  const nc = await server.connect();
  await createAudit(nc);
  const logger = memoryLogger();
  await using publisher = createPublisher({ source: SOURCE, servers: server.url, logger });
  for (let n = 0; n < 2_000; n++) publisher.emit(upload(n));
  expect(await publisher.flush(PATIENT)).toBe(true);
  expect(logger.lines.filter(({ level }) => level === 'warn')).toEqual([]);
  await expectChained(nc, 2_000);
});
