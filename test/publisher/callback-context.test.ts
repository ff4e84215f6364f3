/** What a publisher calls has the decision of nobody: hooks, loggers, listeners, functions that give it something. */
import { AsyncLocalStorage } from 'node:async_hooks';
import diagnostics from 'node:diagnostics_channel';
import { generateKeyPairSync } from 'node:crypto';
import { createPublisher, createSigner, type PublisherOptions, type SignerOptions } from '@waybill/publisher';
import { fileSink } from '@waybill/publisher/sinks';
import { decision } from '@waybill/publisher/instrument';
import { memorySink } from '@waybill/publisher/testing';
import { beforeEach, expect, test } from 'vitest';
import { needsOwnServer, startNats } from '../support/nats.ts';
import { SOURCE, upload } from '../support/publishers.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { createAudit } from '../support/audit-stream.ts';
import { logger } from '../support/logger.ts';
import { PATIENT } from '../support/time.ts';

beforeEach(needsOwnServer);

/** The service's own context, such as a request's. */
const request = new AsyncLocalStorage<string>();

/** Where callbacks of a publisher emit what they saw: each by its name, with the context that it was called in. */
function witness() {
  const audit = memorySink();
  const requests: unknown[] = [];
  const saw = (name: string): void => {
    requests.push(request.getStore());
    audit.emit({ type: 'run.started', fields: { orgid: 'acme', name } });
  };
  const names = (): Set<unknown> => new Set(audit.events.map(({ data }) => data['name']));
  return { saw, names, requests, decisions: () => audit.events.map(({ decisionid }) => decisionid) };
}

/** Runs it as a service would that makes its publisher when the first request needs it, inside of a decision. */
function inDecision<T>(fn: () => T): T {
  return request.run('a request', () => decision({ audit: memorySink(), orgid: 'acme', decisionid: 'foreign' }, fn));
}

const CHANNELS = ['ack', 'drop', 'status'] as const;

function listen(saw: (name: string) => void): Disposable {
  const listeners = CHANNELS.map((name) => ({ name: `waybill:publisher:${name}`, listener: () => saw(name) }));
  for (const { name, listener } of listeners) diagnostics.subscribe(name, listener);
  return {
    [Symbol.dispose]() {
      for (const { name, listener } of listeners) diagnostics.unsubscribe(name, listener);
    },
  };
}

/** Each of these is called by the publisher at some time. */
const options = (saw: (name: string) => void): PublisherOptions => ({
  source: SOURCE,
  logger: { info: () => saw('info'), warn: () => saw('warn') },
  onDrop: () => saw('onDrop'),
});

test('a publisher that is made inside a decision: its own connection, and one that a function gives', async () => {
  await using server = await startNats();
  const admin = await server.connect();
  await createAudit(admin);
  const { saw, names, requests, decisions } = witness();
  using _listeners = listen(saw);
  const { privateKey } = generateKeyPairSync('ed25519');
  const getSecret: SignerOptions['getSecret'] = async () => {
    saw('getSecret');
    return privateKey;
  };
  const [own, given] = inDecision(() => {
    const signer = createSigner({ getSecret });
    const connection = async () => {
      saw('connection');
      return server.connect();
    };
    const publishers = [
      createPublisher({ ...options(saw), servers: server.url, signer }),
      createPublisher({ ...options(saw), connection, whenFull: 'drop-oldest', maxQueueEvents: 5 }),
    ] as const;
    for (const publisher of publishers) for (let n = 0; n < 10; n++) publisher.emit(upload(n));
    return publishers;
  });
  await expect.poll(() => own.stats()).toMatchObject({ acked: 10 });
  await expect.poll(() => given.stats()).toMatchObject({ acked: 5, dropped: { queue_full: 5 } });
  await server.stop();
  await expect.poll(() => [own.status().state, given.status().state]).toEqual(['degraded', 'degraded']);
  await server.restart();
  own.emit(upload(11));
  given.emit(upload(11));
  await expect.poll(() => [own.stats().acked, given.stats().acked]).toEqual([11, 6]);
  await Promise.all([own.close(), given.close()]);
  expect(names()).toEqual(new Set([...CHANNELS, 'connection', 'getSecret', 'info', 'onDrop', 'warn']));
  expect(new Set(decisions())).toEqual(new Set([undefined]));
  expect(new Set(requests)).toEqual(new Set([undefined]));
});

test('a publisher that is only used, bound or closed inside a decision, with a spool', async () => {
  await using server = await startNats();
  const admin = await server.connect();
  await createAudit(admin);
  using directory = temporaryDirectory();
  for (const durability of ['memory', 'async', 'sync'] as const) {
    const { saw, requests, decisions, names } = witness();
    using _listeners = listen(saw);
    const publisher = createPublisher({
      ...options(saw),
      connection: 'later',
      spoolDir: directory.path,
      durability,
      maxQueueEvents: 20,
    });
    inDecision(() => {
      for (let n = 0; n < 100; n++) publisher.emit(upload(n));
      publisher.emit({ type: 'casartifact.uploaded', fields: { orgid: 'acme' } });
      publisher.bind(admin);
    });
    await expect.poll(() => publisher.stats()).toMatchObject({ acked: 100, dropped: { invalid: 1 } });
    inDecision(() => publisher.emit({ type: 'not.allowed', fields: {} }));
    await inDecision(() => publisher.close());
    expect(names()).toEqual(new Set([...CHANNELS, 'info', 'onDrop', 'warn']));
    expect(new Set(decisions())).toEqual(new Set([undefined]));
    expect(new Set(requests)).toEqual(new Set([undefined]));
  }
});

test('what the caller waits for goes on in its own decision', async () => {
  await using server = await startNats();
  await createAudit(await server.connect());
  await using publisher = createPublisher({ source: SOURCE, servers: server.url, logger });
  const { saw, decisions } = witness();
  await decision({ audit: memorySink(), orgid: 'acme', decisionid: 'mine' }, async () => {
    await publisher.confirm(upload(1), PATIENT);
    saw('confirmed');
    await publisher.flush();
    saw('flushed');
  });
  expect(decisions()).toEqual(['mine', 'mine']);
});

test('the hooks of a file sink', async () => {
  using directory = temporaryDirectory();
  const { saw, decisions } = witness();
  const sink = fileSink({ source: SOURCE, directory: directory.path, onDrop: () => saw('onDrop') });
  inDecision(() => sink.emit({ type: 'casartifact.uploaded', fields: { orgid: 'acme' } }));
  await sink.close();
  expect(decisions()).toEqual([undefined]);
});
