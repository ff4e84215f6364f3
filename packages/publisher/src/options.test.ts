import { expect, test } from 'vitest';
import { auditRequests as express } from './adapters/express.ts';
import { auditRequests as fastify } from './adapters/fastify.ts';
import { auditRequests as hono } from './adapters/hono.ts';
import { observePublisher } from './adapters/otel.ts';
import { autoCapture } from './instrument/auto-capture.ts';
import { decision } from './instrument/decision.ts';
import { dispatcher } from './instrument/dispatcher.ts';
import { audited, lifecycle } from './instrument/lifecycle.ts';
import { withFlush } from './instrument/with-flush.ts';
import type { PublisherOptions } from './options.ts';
import { createPublisher } from './publisher/publisher.ts';
import { createSigner } from './signing/signer.ts';
import { sinkFromEnvironment } from './sinks/environment-sink.ts';
import { fileSink } from './sinks/file-sink.ts';
import { memorySink } from './sinks/memory-sink.ts';
import { nullSink } from './sinks/null-sink.ts';

const QUIET = { info: () => {}, warn: () => {} };
const servers = 'nats://127.0.0.1:1';
const source = '//x';
const refused = (message: string) =>
  expect.objectContaining({ code: 'INVALID_OPTIONS', message: expect.stringContaining(message) });

/** A configuration or JavaScript may pass anything as options. */
const create = (options: unknown) => createPublisher(options as PublisherOptions);

// Without servers the publisher is disabled. Wrong options are errors even then, so that developers without NATS see
// them.
test.for([
  [{}, 'createPublisher: source is undefined, expected a URI-reference'],
  [{ source: 'a b' }, 'source is a b'],
  [{ source, maxQueueEvents: 0 }, 'maxQueueEvents is 0'],
  [{ source, ackTimeoutMs: Number.NaN }, 'ackTimeoutMs is NaN'],
  [{ source, subjectPrefix: 'a.>' }, 'subjectPrefix is a.>'],
  [{ source, inboxPrefix: '*' }, 'inboxPrefix is *'],
  [{ source, producer: 'with blank' }, 'producer is with blank'],
  [{ source, events: {} }, 'events is an object, expected an array of what defineEvent returns'],
  [{ source, events: [undefined] }, 'events is another array, expected'],
  [{ source, events: [{ type: 'a.b', fields: {} }] }, 'events is another array, expected'],
  [{ source, criticalTypes: 'run.failed' }, 'criticalTypes is a string, expected an array of types'],
  [{ source, signer: 'a secret' }, 'signer is a string, expected what createSigner returns'],
  [{ source, allowTypes: null }, 'allowTypes is null, expected an array of types'],
  [{ source, allowTypes: 'run.failed' }, 'allowTypes is a string, expected an array of types'],
  [{ source, subjectPrefix: null }, 'subjectPrefix is null, expected a string'],
  [{ source, inboxPrefix: null }, 'inboxPrefix is null, expected a string'],
  [{ source, producer: 5 }, 'producer is a number, expected a string'],
  [{ source, spoolDir: 5 }, 'spoolDir is a number, expected a string'],
  [{ source, handleSignals: 'false' }, 'handleSignals is a string, expected a boolean'],
  [{ source, onDrop: 'log' }, 'onDrop is a string, expected a function'],
  [{ source, clock: 5 }, 'clock is a number, expected a function'],
  [{ source, connect: 'tls' }, 'connect is a string, expected an object'],
  [{ source, spoolDirectory: '/var/spool' }, 'createPublisher: spoolDirectory is no option'],
  [{ source, allowTypes: ['casartifact.upload'] }, 'allowTypes: casartifact.upload is neither built in nor'],
  [{ source, handleSignal: undefined }, 'handleSignal is no option: did you mean handleSignals?'],
] as const)('%o is refused, enabled or not', ([options, message]) => {
  expect(() => create({ ...options, servers, logger: QUIET })).toThrow(refused(message));
  expect(() => create({ ...options, logger: QUIET })).toThrow(refused(message));
});

test('a password in a malformed server address is in no message', () => {
  const servers = ['nats://ok', 'nats://u:p/secret@nats:4222'];
  expect(() => create({ source, servers })).toThrow(
    refused('createPublisher: servers, number 2: expected host, host:port, nats://'),
  );
  expect(() => create({ source, servers })).not.toThrow(/secret/);
});

test('servers and a connection exclude each other, and options have to be an object', () => {
  expect(() => create({ servers, source, connection: {} })).toThrow(refused('either servers or a connection'));
  expect(() => create({ source, connection: 'nats://later' })).toThrow(
    refused('connection is a string, expected a NATS'),
  );
  expect(() => create(undefined)).toThrow(refused('createPublisher: options are undefined: expected an object'));
});

const claims = (): null => null;

test.for([
  ['createSigner', { keyId: 'k' }, 'keyid'],
  ['fileSink', { source, directory: '/nowhere', backoffMaxms: 1 }, 'backoffMaxMs'],
  ['memorySink', { faults: null }, 'fault'],
  ['sinkFromEnvironment nats', { source, Strict: true }, 'strict'],
  ['dispatcher', { supress: () => true }, 'suppress'],
  ['autoCapture', { channel: {} }, 'channels'],
  ['audited', { name: 'export', orgid: 'acme', failClose: true }, 'failClosed'],
  ['withFlush', { waitUtil: () => {} }, 'waitUntil'],
  ['lifecycle', { name: 'export', orgid: 'acme', failClose: true }, 'failClosed'],
  ['decision', { orgid: 'acme', failClose: true }, 'failClosed'],
  ['sinkFromEnvironment null', { source, spoolDirs: '/x' }, 'spoolDir'],
  ['sinkFromEnvironment file', { source, onDrops: () => {} }, 'onDrop'],
  ['observePublisher', { attribute: {} }, 'attributes'],
  ['express', { claims, audits: nullSink() }, 'audit'],
  ['hono', { claims, Subject: () => 'x' }, 'subject'],
  ['fastify', { claims, logLevel: 'warn', prefix: '/v1', degradedOrgId: 'x' }, 'degradedOrgid'],
] as const)('%s refuses a misspelt option', ([factory, options, meant]) => {
  const given = options as never;
  const sink = memorySink();
  const factories: Record<string, () => unknown> = {
    createSigner: () => createSigner(given),
    fileSink: () => fileSink(given),
    memorySink: () => memorySink(given),
    'sinkFromEnvironment nats': () => sinkFromEnvironment(given, {}),
    dispatcher: () => dispatcher(sink, given),
    autoCapture: () => autoCapture(given),
    audited: () => audited(given),
    lifecycle: () => lifecycle(given, () => {}),
    decision: () => decision(given, () => {}),
    'sinkFromEnvironment null': () => sinkFromEnvironment(given, { WAYBILL_SINK: 'null' }),
    'sinkFromEnvironment file': () =>
      sinkFromEnvironment(given, { WAYBILL_SINK: 'file', WAYBILL_SINK_DIRECTORY: '/x' }),
    withFlush: () => withFlush(sink, () => {}, given),
    observePublisher: () => observePublisher(sink as never, {} as never, given),
    express: () => express(given),
    hono: () => hono(given),
    fastify: () => fastify({ addHook: () => {} } as never, given, () => {}),
  };
  expect(factories[factory]).toThrow(refused(`is no option: did you mean ${meant}?`));
});

test.for([
  [{ source, servers: 4222 }, 'servers is a number, expected a string or an array of strings'],
  [{ source, servers: [4222] }, 'servers is another array, expected a string or an array of strings'],
  [{ source, logger: {} }, 'logger is an object, expected an object with info and warn'],
] as const)('%o is refused', ([options, message]) => {
  expect(() => create(options)).toThrow(refused(message));
});

test.for([0, -1, Number.NaN, '10', null])('fileSink refuses a bound of %s events', (maxQueueEvents) => {
  const options = { source, directory: '/nowhere', maxQueueEvents: maxQueueEvents as never };
  expect(() => fileSink(options)).toThrow(refused('fileSink: maxQueueEvents is'));
});

test.for(['express', 'hono', 'fastify'] as const)('%s refuses to be without claims: it would audit nothing', (name) => {
  const given = { audit: nullSink() } as never;
  const factories = {
    express: () => express(given),
    hono: () => hono(given),
    fastify: () => fastify({ addHook: () => {} } as never, given, () => {}),
  };
  expect(factories[name]).toThrow(refused('claims is undefined, expected a function'));
});

test('dispatcher refuses a degradedOrgid that is no organization', () => {
  expect(() => dispatcher(nullSink(), { degradedOrgid: 'a b' })).toThrow(refused('degradedOrgid is "a b", expected'));
});

test('an actor that is null does not keep a decision from being made', () => {
  const sink = memorySink();
  expect(decision({ orgid: 'acme', actor: null as never, audit: sink }, () => 7)).toBe(7);
  expect(sink.events).toHaveLength(2);
});

test.for(['nats', 'file', 'null'])('WAYBILL_SINK=%s: a missing source is an error', (kind) => {
  const env = { WAYBILL_SINK: kind, WAYBILL_SINK_DIRECTORY: '/nowhere' };
  expect(() => sinkFromEnvironment({ strict: true } as never, env)).toThrow(refused('source is undefined'));
});

test.for([
  { credentials: { token: 't' } },
  { connect: { user: 'v' } },
  { connect: { token: 't' } },
  { connect: { authenticator: () => ({}) } },
] as const)('a user in the URL and %o exclude each other', (options) => {
  const create = () => createPublisher({ source: '//x', servers: 'nats://u:secret@nats', ...(options as object) });
  expect(create).toThrow(
    expect.objectContaining({ code: 'INVALID_OPTIONS', message: expect.stringContaining('not both') }),
  );
  expect(create).toThrow(expect.not.objectContaining({ message: expect.stringContaining('secret') }));
});

test.for([{}, { servers: undefined }, { servers: '' }, { servers: ' , ' }, { servers: [] }, { servers: ['', ' '] }])(
  '%o: disabled, said once',
  async (options) => {
    const lines: string[] = [];
    const logger = { info: () => {}, warn: (_: object, message: string) => void lines.push(message) };
    await using publisher = createPublisher({ ...options, source, logger });
    for (let i = 0; i < 10; i++) publisher.emit({ type: 'casartifact.uploaded', fields: {} });
    expect(publisher.status().state).toBe('disabled');
    expect(publisher.stats()).toMatchObject({ emitted: 10, acked: 0, pending: 0, dropped: { disabled: 10 } });
    expect(publisher.enabled('casartifact.uploaded')).toBe(false);
    expect(lines.length).toBe(1);
  },
);
