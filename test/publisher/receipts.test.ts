/** Receipts from the publisher that signs them to the auditor who has nothing but a file and a public key. */
import { generateKeyPairSync } from 'node:crypto';
import { mkdtempDisposable, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createSignatureVerifier, type Settings, startConsumer, replay, verifyLedger } from '@waybill/consumer';
import { audited, createPublisher, createSigner, type PublisherOptions, timed } from '@waybill/publisher';
import { parseEntry } from '@waybill/schema';
import { expect, test } from 'vitest';
import { caughtUp, checkLedger } from '../support/check-ledger.ts';
import { copyLedger, forgeChain, unchanged } from '../support/ledger-builder.ts';
import { startNats, type TestNats } from '../support/nats.ts';
import { makeStreams } from '../support/traffic.ts';
import { environmentOf, waybill } from '../support/waybill-process.ts';
import { memoryLogger, SOURCE, upload } from './artifacts.ts';
import { temporaryDirectory } from './directory.ts';
import { until } from './stored.ts';

const SILENT = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
const secret = generateKeyPairSync('ed25519').privateKey;

function publisherOf(server: TestNats, settings: Settings, more: Partial<PublisherOptions>) {
  const logger = memoryLogger();
  const options = { source: SOURCE, servers: server.url, subjectPrefix: settings.auditPrefix, logger, ...more };
  return { publisher: createPublisher(options), logger };
}

async function linesOf(server: TestNats, settings: Settings, orgid: string): Promise<string[]> {
  const nc = await server.connect();
  {
    await using _consumer = await startConsumer({ nc, logger: SILENT, ...settings });
    await caughtUp(nc, settings);
  }
  const lines: string[] = [];
  for await (const batch of replay(nc, settings, { orgid })) lines.push(...batch);
  return lines;
}

test('what was signed verifies in the chain, and what an operator changed does not', async () => {
  await using server = await startNats();
  const nc = await server.connect();
  const settings = await makeStreams(nc);
  const signer = createSigner({ secret });
  const { publisher: audit } = publisherOf(server, settings, { signer });
  const exportDay = audited({ audit, name: 'export', orgid: 'acme' })(async (day: string) => day.length);
  expect(await exportDay('monday')).toBe(6);
  await expect(
    audited({ audit, name: 'fail', orgid: 'acme' })(() => Promise.reject(new Error('mine')))(),
  ).rejects.toThrow('mine');
  timed(upload(1, 'acme'), () => undefined, audit);
  await audit.confirm(upload(2, 'acme'));
  expect(await audit.close()).toMatchObject({ lost: 0 });

  const lines = await linesOf(server, settings, 'acme');
  const events = lines.map((line) => parseEntry(line).event);
  expect(events.map((event) => event?.['type'])).toEqual([
    'run.started',
    'run.finished',
    'run.started',
    'run.failed',
    'casartifact.uploaded',
    'casartifact.uploaded',
  ]);
  expect(events[0]?.['runid']).toBe(events[1]?.['runid']);
  const { keyid, publicKey } = await signer.identity();
  const verifySignature = createSignatureVerifier(new Map([[keyid, publicKey]]));
  const report = await verifyLedger(nc, settings, { verifySignature });
  expect(report).toMatchObject({ verdict: 'ok', chains: [{ receipts: { verified: 6, unknown: 0, unsigned: 0 } }] });

  await using folder = await mkdtempDisposable(join(tmpdir(), 'waybill-receipts-'));
  const file = join(folder.path, 'acme.ndjson');
  await writeFile(file, `${lines.join('\n')}\n`);
  const signers = ['--signer', `${keyid}=${publicKey}`];
  expect(await waybill(['verify', '--file', file, ...signers])).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('signatures: 6 verified, 0 by unknown keys, 0 unsigned'),
  });
  const other = ['--signer', `someone=${publicKey}`];
  expect(await waybill(['verify', '--org', 'acme', ...other], environmentOf(server.url, settings))).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('signatures: 0 verified, 6 by unknown keys, 0 unsigned'),
  });
  expect((await waybill(['verify', '--file', file, '--signer', keyid])).code).toBe(64);
  expect((await waybill(['verify', '--file', file, '--signer', `${keyid}=nonsense`])).code).toBe(64);

  // Every hash is right again; only the signature is not.
  const forged = await copyLedger(nc, settings, (blocks) =>
    forgeChain(blocks, 'acme', (entry) => [
      {
        ...unchanged(entry),
        event: { ...unchanged(entry).event, ...(entry.core.seq === 4 && { outcome: 'success' }) },
      },
    ]),
  );
  const forgedReport = await verifyLedger(nc, forged, { verifySignature, orgid: 'acme', waitMs: 0 });
  expect(forgedReport.chains[0]).toMatchObject({
    verdict: 'tampered',
    problem: { seq: 4, detail: `signature is not that of the key ${keyid} over the event` },
  });
  await checkLedger(nc, settings);
});

test('the first events wait for the key; without one, emit goes on unsigned and confirm does not', async () => {
  await using server = await startNats();
  const nc = await server.connect();
  const settings = await makeStreams(nc);

  const late = Promise.withResolvers<typeof secret>();
  const waiting = publisherOf(server, settings, { signer: createSigner({ getSecret: () => late.promise }) });
  for (let i = 0; i < 50; i++) waiting.publisher.emit(upload(i, 'acme'));
  await until(() => expect(waiting.publisher.status().state).toBe('connected'));
  expect(waiting.publisher.stats()).toMatchObject({ pending: 50, acked: 0 });
  late.resolve(secret);
  expect(await waiting.publisher.close()).toEqual({ acked: 50, spooled: 0, lost: 0 });

  let sealed = true;
  const getSecret = (): typeof secret => {
    if (sealed) throw new Error('the vault is sealed');
    return secret;
  };
  const failing = publisherOf(server, settings, { signer: createSigner({ getSecret, backoffMaxMs: 5 }) });
  failing.publisher.emit(upload(50, 'acme'));
  expect(await failing.publisher.flush()).toBe(true);
  await expect(failing.publisher.confirm(upload(51, 'acme'))).rejects.toMatchObject({
    code: 'UNSIGNED',
    message: 'no signing identity: the vault is sealed',
  });
  let ran = false;
  const guarded = audited({ audit: failing.publisher, name: 'x', orgid: 'acme', failClosed: true })(() => (ran = true));
  await expect(guarded()).rejects.toMatchObject({ code: 'UNSIGNED' });
  expect(ran).toBe(false);
  expect(failing.logger.lines.map(({ message }) => message)).toContain(
    'there is no signing key: events are published unsigned',
  );
  sealed = false;
  await until(() => failing.publisher.confirm(upload(51, 'acme')));
  expect(await guarded()).toBe(true);
  expect(await failing.publisher.close()).toMatchObject({ lost: 0 });

  const events = (await linesOf(server, settings, 'acme')).map((line) => parseEntry(line).event);
  const signed = events.map((event) => typeof event?.['signature'] === 'string');
  expect(signed).toEqual([...Array.from({ length: 50 }, () => true), false, true, true, true]);
});

test('with a spool events wait for the key, too; those that have to be on disk at once go unsigned', async () => {
  await using server = await startNats();
  const nc = await server.connect();
  const settings = await makeStreams(nc);
  using dir = temporaryDirectory();
  const segments = () => dir.files().filter((file) => file.endsWith('.seg'));
  const start = (durability: 'async' | 'sync') => {
    const late = Promise.withResolvers<typeof secret>();
    const signer = createSigner({ getSecret: () => late.promise });
    const more = { signer, spoolDir: dir.path, durability };
    return { ...publisherOf(server, settings, more), signer, resolve: () => late.resolve(secret) };
  };

  const waiting = start('async');
  waiting.publisher.emit(upload(0, 'acme'));
  await until(() => expect(waiting.publisher.status().state).toBe('connected'));
  const confirmed = waiting.publisher.confirm(upload(1, 'acme'), { level: 'spooled' });
  expect(waiting.publisher.stats()).toMatchObject({ pending: 1, acked: 0 });
  expect(segments()).toEqual([]);
  waiting.resolve();
  expect(await confirmed).toEqual({ level: 'spooled' });
  expect(await waiting.publisher.close()).toMatchObject({ lost: 0 });

  const sync = start('sync');
  sync.publisher.emit(upload(2, 'acme'));
  expect(segments()).toHaveLength(1);
  expect(await sync.publisher.flush()).toBe(true);
  sync.resolve();
  await sync.signer.identity();
  sync.publisher.emit(upload(3, 'acme'));
  expect(await sync.publisher.close()).toMatchObject({ lost: 0 });

  const events = (await linesOf(server, settings, 'acme')).map((line) => parseEntry(line).event);
  expect(events.map((event) => typeof event?.['signature'])).toEqual(['string', 'string', 'undefined', 'string']);
});
