import { DiscardPolicy, jetstream, jetstreamManager, StorageType, type StreamConfig } from '@nats-io/jetstream';
import { acknowledge, checkStreams, type ConsumerError, type DeployOptions, deployStreams } from '@waybill/consumer';
import type { NatsConnection } from '@nats-io/nats-core';
import { beforeEach, describe, expect, test } from 'vitest';
import { describeDrift } from '../../packages/consumer/src/streams/stream-config.ts';
import { needsOwnServer, startNats } from '../support/nats.ts';
import { chainAll, send } from '../support/known-losses.ts';
import { uniqueName } from '../support/unique-name.ts';
import { until } from '../support/until.ts';

function names(): DeployOptions {
  const tag = uniqueName();
  return {
    auditStream: `AUDIT_${tag}`,
    ledgerStream: `LEDGER_${tag}`,
    auditPrefix: `audit_${tag}`,
    ledgerPrefix: `ledger_${tag}`,
    controlPrefix: `control_${tag}`,
  };
}

/** 2 of a publisher never came. */
async function chainOneLoss(nc: NatsConnection, settings: DeployOptions): Promise<void> {
  await send(nc, settings, 'p', [1, 3]);
  await chainAll(nc, settings);
}

async function refusal(promise: Promise<unknown>): Promise<ConsumerError> {
  return promise.then(
    () => expect.fail('was not refused'),
    (error: unknown) => error as ConsumerError,
  );
}

test('deploying twice is deploying once, and then there is no drift', async () => {
  await using server = await startNats();
  const nc = await server.connect();
  const options = names();
  expect(await checkStreams(nc, options)).toMatchObject([
    { field: 'stream', found: null },
    { field: 'stream', found: null },
  ]);
  expect((await deployStreams(nc, options)).map(({ action }) => action)).toEqual(['created', 'created']);
  expect(await checkStreams(nc, options)).toEqual([]);
  expect((await deployStreams(nc, options)).map(({ action }) => action)).toEqual(['unchanged', 'unchanged']);
  const { config } = await (await jetstreamManager(nc)).streams.info(options.auditStream);
  expect(config).toMatchObject({
    subjects: [`${options.auditPrefix}.>`, `${options.controlPrefix}.>`],
    discard: 'new',
    deny_delete: true,
    deny_purge: true,
    storage: 'file',
    max_msg_size: -1,
    allow_rollup_hdrs: false,
  });
});

test('a ledger without atomic batches is as wanted, and is given them by the next deployment', async () => {
  await using server = await startNats();
  const nc = await server.connect();
  const options = names();
  await deployStreams(nc, options);
  const { streams } = await jetstreamManager(nc);
  const allowsBatches = async (stream: string) => (await streams.info(stream)).config.allow_atomic ?? false;
  expect([await allowsBatches(options.auditStream), await allowsBatches(options.ledgerStream)]).toEqual([false, true]);

  const { config } = await streams.info(options.ledgerStream);
  await streams.update(options.ledgerStream, { ...config, allow_atomic: false });
  expect(await checkStreams(nc, options)).toEqual([]);
  expect(await deployStreams(nc, options)).toEqual([
    { stream: options.auditStream, action: 'unchanged', drift: [] },
    {
      stream: options.ledgerStream,
      action: 'corrected',
      drift: [{ stream: options.ledgerStream, field: 'allow_atomic', wanted: true, found: false }],
    },
  ]);
  expect(await allowsBatches(options.ledgerStream)).toBe(true);
});

test('limits are settings, may be raised, and an age below two minutes shortens the dedupe window', async () => {
  await using server = await startNats();
  const nc = await server.connect();
  const options = { ...names(), auditMaxAgeMs: 60_000, auditMaxBytes: 1_000_000, ledgerMaxBytes: 2_000_000 };
  await deployStreams(nc, options);
  expect(await checkStreams(nc, options)).toEqual([]);
  const raised = { ...options, auditMaxAgeMs: 0, auditMaxBytes: 5_000_000 };
  expect((await checkStreams(nc, raised)).map(({ field }) => field).toSorted()).toEqual([
    'duplicate_window',
    'max_age',
    'max_bytes',
  ]);
  expect((await deployStreams(nc, raised)).map(({ action }) => action)).toEqual(['corrected', 'unchanged']);
  expect(await checkStreams(nc, raised)).toEqual([]);
});

describe('drift', () => {
  test.each<[string, Partial<StreamConfig>]>([
    ['discard', { discard: DiscardPolicy.Old }],
    ['max_msgs', { max_msgs: 1000 }],
    ['max_msgs_per_subject', { max_msgs_per_subject: 5 }],
    ['max_msg_size', { max_msg_size: 1024 }],
    ['allow_direct', { allow_direct: false }],
    ['deny_purge', { deny_purge: false }],
    ['deny_delete', { deny_delete: false }],
    ['allow_rollup_hdrs', { allow_rollup_hdrs: true, deny_purge: false }],
    ['duplicate_window', { duplicate_window: 5e9 }],
    ['no_ack', { no_ack: true }],
  ])('in %s is found and corrected', async (field, change) => {
    await using server = await startNats();
    const nc = await server.connect();
    const options = names();
    const manager = await jetstreamManager(nc);
    const { auditPrefix, controlPrefix } = options;
    await deployStreams(nc, { ...names(), auditPrefix, controlPrefix });
    const [template] = (await manager.streams.list().next()).filter(
      ({ config }) => config.subjects[0] === `${options.auditPrefix}.>`,
    );
    await manager.streams.delete(template?.config.name ?? '');
    await manager.streams.add({ ...(template?.config as StreamConfig), name: options.auditStream, ...change });
    const drift = (await checkStreams(nc, options)).filter(({ stream }) => stream === options.auditStream);
    expect(drift.map((one) => one.field)).toContain(field);
    expect(drift.find((one) => one.field === field)?.found).toEqual((change as Record<string, unknown>)[field]);
    await deployStreams(nc, options);
    expect(await checkStreams(nc, options)).toEqual([]);
  });

  test.each<[string, Partial<StreamConfig>]>([
    ['storage', { storage: StorageType.Memory }],
    ['persist_mode', { persist_mode: 'async' }],
    ['allow_msg_ttl', { allow_msg_ttl: true }],
  ])('in %s cannot be corrected in place, and nothing is', async (field, change) => {
    await using server = await startNats();
    const nc = await server.connect();
    const options = names();
    const manager = await jetstreamManager(nc);
    await manager.streams.add({ name: options.auditStream, subjects: [`${options.auditPrefix}.>`], ...change });
    const error = await refusal(deployStreams(nc, options));
    expect(error.code).toBe('STREAM_DRIFT');
    expect(error.message).toContain(`stream ${options.auditStream}: ${field} is`);
    expect(await manager.streams.names().next()).toEqual([options.auditStream]);
  });
});

test('a stream of events that does not take what operators say is found, told in words, and corrected', async () => {
  await using server = await startNats();
  const nc = await server.connect();
  const options = names();
  await deployStreams(nc, options);
  const { streams } = await jetstreamManager(nc);
  const { config } = await streams.info(options.auditStream);
  await streams.update(options.auditStream, { ...config, subjects: [`${options.auditPrefix}.>`] });
  const drift = await checkStreams(nc, options);
  expect(drift).toMatchObject([{ stream: options.auditStream, field: 'subjects' }]);
  expect(drift.map(describeDrift)).toEqual([
    expect.stringContaining(`: what is published on ${options.controlPrefix}.> is not stored`),
  ]);
  const own = { orgid: 'acme', losses: [{ producer: 'p', first: 2, last: 2 }], by: 'ops', reason: 'so' };
  await chainOneLoss(nc, options);
  await expect(acknowledge(nc, options, own)).rejects.toMatchObject({
    code: 'STREAM_DRIFT',
    message: expect.stringContaining('`waybill deploy` adds the subject') as string,
  });
  expect((await deployStreams(nc, options)).map(({ action }) => action)).toEqual(['corrected', 'unchanged']);
  expect(await acknowledge(nc, options, { ...own, waitMs: 0 })).toMatchObject([{ message: 3 }]);
});

describe('a destructive change is refused before anything is changed', () => {
  test.each<[string, Partial<StreamConfig>, Partial<DeployOptions>]>([
    ['max_bytes', {}, { auditMaxBytes: 10 }],
    ['max_age', {}, { auditMaxAgeMs: 1 }],
    ['subjects', { subjects: ['PREFIX.>', 'PREFIX-old.>'] }, {}],
    ['sources', { sources: [{ name: 'ELSEWHERE' }] }, {}],
  ])('%s', async (field, change, limits) => {
    await using server = await startNats();
    const nc = await server.connect();
    const options = names();
    const manager = await jetstreamManager(nc);
    const prefixed = (change.subjects ?? ['PREFIX.>']).map((subject) => subject.replace('PREFIX', options.auditPrefix));
    await manager.streams.add({ name: options.auditStream, ...change, subjects: prefixed });
    await jetstream(nc).publish(`${options.auditPrefix}.a.b`, 'kept');
    const { state } = await manager.streams.info(options.auditStream);
    await until('the message to be older than a millisecond', () => Date.now() - Date.parse(state.first_ts) > 1);
    const error = await refusal(deployStreams(nc, { ...options, ...limits }));
    expect(error.code).toBe('DESTRUCTIVE_CHANGE');
    expect(error.message).toContain(`stream ${options.auditStream}: ${field} is`);
    expect((await manager.streams.info(options.auditStream)).state.messages).toBe(1);
    expect(await manager.streams.names().next()).toEqual([options.auditStream]);
  });
});

test('bound to a stream of somebody else, only the ledger is ours', async () => {
  await using server = await startNats();
  const nc = await server.connect();
  const options = { ...names(), bind: true };
  const missing = await refusal(deployStreams(nc, options));
  expect(missing.code).toBe('NO_STREAM');
  const manager = await jetstreamManager(nc);
  await manager.streams.add({
    name: options.auditStream,
    subjects: [`${options.auditPrefix}.>`],
    discard: DiscardPolicy.Old,
    max_msgs: 5,
  });
  const before = (await manager.streams.info(options.auditStream)).config;
  expect((await deployStreams(nc, options)).map(({ stream, action }) => [stream, action])).toEqual([
    [options.ledgerStream, 'created'],
  ]);
  expect(await checkStreams(nc, options)).toEqual([]);
  expect((await manager.streams.info(options.auditStream)).config).toEqual(before);
});

describe('with the shipped configuration', () => {
  beforeEach(needsOwnServer);

  test('the service may compare but not create, and what it may not is named', async () => {
    await using server = await startNats({ config: 'shipped' });
    const options: DeployOptions = {
      auditStream: 'AUDIT',
      ledgerStream: 'LEDGER',
      auditPrefix: 'audit',
      ledgerPrefix: 'ledger',
      controlPrefix: 'waybill.control',
    };
    const service = await server.connect({ as: 'service' });
    const error = await refusal(deployStreams(service, options));
    expect(error.code).toBe('NO_PERMISSION');
    expect(error.message).toContain(
      'could not create stream AUDIT: the NATS identity may not publish $JS.API.STREAM.CREATE.AUDIT',
    );
    await deployStreams(await server.connect({ as: 'admin' }), options);
    expect((await deployStreams(service, options)).map(({ action }) => action)).toEqual(['unchanged', 'unchanged']);
    expect(await checkStreams(await server.connect({ as: 'auditor' }), options)).toEqual([]);
  });
});
