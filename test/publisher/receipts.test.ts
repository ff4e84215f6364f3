/** Receipts from the publisher that signs them to the auditor who has nothing but a file and a public key. */
import { generateKeyPairSync } from 'node:crypto';
import { mkdtempDisposable, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createReceiptKeys, type Settings, startConsumer, replay, verifyLedger } from '@waybill/consumer';
import { createPublisher, createSigner, type PublisherOptions } from '@waybill/publisher';
import { audited, timed } from '@waybill/publisher/instrument';
import { parseEntry } from '@waybill/schema/internal';
import { expect, test } from 'vitest';
import { caughtUp, checkLedger } from '../support/check-ledger.ts';
import { copyLedger, forgeChain, unchanged } from '../support/ledger-builder.ts';
import { startNats, type TestNats } from '../support/nats.ts';
import { makeStreams } from '../support/traffic.ts';
import { environmentOf, waybill } from '../support/waybill.ts';
import { SOURCE, upload } from '../support/publishers.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { until } from '../support/until.ts';
import { logger, memoryLogger } from '../support/logger.ts';
import { PATIENT } from '../support/time.ts';

const secret = generateKeyPairSync('ed25519').privateKey;

function publisherOf(server: TestNats, settings: Settings, more: Partial<PublisherOptions>) {
  const logger = memoryLogger();
  const options = { source: SOURCE, servers: server.url, subjectPrefix: settings.auditPrefix, logger, ...more };
  return { publisher: createPublisher(options), logger };
}

async function linesOf(server: TestNats, settings: Settings, orgid: string): Promise<string[]> {
  const nc = await server.connect();
  {
    await using _consumer = await startConsumer({ nc, logger, ...settings });
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
  await audit.confirm(upload(2, 'acme'), PATIENT);
  expect(await audit.close(PATIENT)).toMatchObject({ lost: 0 });

  const lines = await linesOf(server, settings, 'acme');
  const events = lines.map((line) => parseEntry(line).event);
  expect(events.map((event) => event?.['type'])).toEqual([
    'run.started',
    'run.finished',
    'run.started',
    'run.failed',
    'casartifact.uploaded',
    'casartifact.uploaded',
    'producer.closed',
  ]);
  expect(events[0]?.['runid']).toBe(events[1]?.['runid']);
  const { keyid, publicKey } = await signer.identity();
  const receiptKeys = createReceiptKeys(new Map([[keyid, publicKey]]));
  const report = await verifyLedger(nc, settings, { receiptKeys });
  expect(report).toMatchObject({ verdict: 'ok', chains: [{ receipts: { verified: 7, unknown: 0, unsigned: 0 } }] });

  await using folder = await mkdtempDisposable(join(tmpdir(), 'waybill-receipts-'));
  const file = join(folder.path, 'acme.ndjson');
  await writeFile(file, `${lines.join('\n')}\n`);
  const signers = ['--signer', `${keyid}=${publicKey}`];
  expect(await waybill(['verify', '--file', file, ...signers])).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('signatures: 7 verified, 0 by unknown keys, 0 unsigned'),
  });
  const other = ['--signer', `someone=${publicKey}`];
  expect(await waybill(['verify', '--org', 'acme', ...other], environmentOf(server.url, settings))).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('signatures: 0 verified, 7 by unknown keys, 0 unsigned'),
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
  const forgedReport = await verifyLedger(nc, forged, { receiptKeys, orgid: 'acme', waitMs: 0 });
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
  await expect.poll(() => waiting.publisher.status().state).toBe('connected');
  expect(waiting.publisher.stats()).toMatchObject({ pending: 50, acked: 0 });
  late.resolve(secret);
  expect(await waiting.publisher.close(PATIENT)).toEqual({ acked: 50, spooled: 0, lost: 0 });

  let sealed = true;
  const getSecret = (): typeof secret => {
    if (sealed) throw new Error('the vault is sealed');
    return secret;
  };
  const failing = publisherOf(server, settings, { signer: createSigner({ getSecret, backoffMaxMs: 5 }) });
  failing.publisher.emit(upload(50, 'acme'));
  expect(await failing.publisher.flush(PATIENT)).toBe(true);
  await expect(failing.publisher.confirm(upload(51, 'acme'), PATIENT)).rejects.toMatchObject({
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
  await until('the vault to be asked again', () =>
    failing.publisher.confirm(upload(51, 'acme'), PATIENT).catch((error: { code: string }) => {
      if (error.code !== 'UNSIGNED') throw error;
      return null;
    }),
  );
  expect(await guarded()).toBe(true);
  expect(await failing.publisher.close(PATIENT)).toMatchObject({ lost: 0 });

  const events = (await linesOf(server, settings, 'acme')).map((line) => parseEntry(line).event);
  const signed = events.map((event) => typeof event?.['signature'] === 'string');
  // Each publisher's end is the last of its events.
  expect(signed).toEqual([...Array.from({ length: 51 }, () => true), false, true, true, true, true]);
});

test('with a spool, what has to be on disk before the key is there waits on disk, and is signed on its way', async () => {
  await using server = await startNats();
  const nc = await server.connect();
  const settings = await makeStreams(nc);
  using dir = temporaryDirectory();
  const segments = () => dir.files().filter((file) => file.endsWith('.seg'));
  const start = (more: Partial<PublisherOptions>) => {
    const late = Promise.withResolvers<typeof secret>();
    const signer = createSigner({ getSecret: () => late.promise });
    return {
      ...publisherOf(server, settings, { signer, spoolDir: dir.path, ...more }),
      resolve: () => late.resolve(secret),
    };
  };

  const waiting = start({ durability: 'async' });
  waiting.publisher.emit(upload(0, 'acme'));
  await expect.poll(() => waiting.publisher.status().state).toBe('connected');
  const confirmed = waiting.publisher.confirm(upload(1, 'acme'), { level: 'spooled', ...PATIENT });
  expect(waiting.publisher.stats()).toMatchObject({ pending: 1, acked: 0 });
  expect(segments()).toEqual([]);
  waiting.resolve();
  expect(await confirmed).toEqual({ level: 'spooled' });
  expect(await waiting.publisher.close(PATIENT)).toMatchObject({ lost: 0 });

  // Before `emit` returns, and what comes after the key keeps its place.
  const sync = start({ durability: 'sync' });
  for (let i = 2; i < 300; i++) sync.publisher.emit(upload(i, 'acme'));
  expect(segments()).toHaveLength(1);
  await expect.poll(() => sync.publisher.status().state).toBe('connected');
  expect(sync.publisher.stats()).toMatchObject({ pending: 298, acked: 0, inFlight: 0 });
  sync.resolve();
  sync.publisher.emit(upload(300, 'acme'));
  expect(await sync.publisher.flush(PATIENT)).toBe(true);
  expect(sync.publisher.stats().unsigned).toEqual({ no_key: 0, too_large: 0, adopted: 0 });
  expect(await sync.publisher.close(PATIENT)).toMatchObject({ lost: 0 });

  // Memory full: most of them leave it, and are signed when they are read back.
  const full = start({ durability: 'memory', maxQueueEvents: 100 });
  for (let i = 301; i < 1_000; i++) full.publisher.emit(upload(i, 'acme'));
  expect(full.publisher.stats().spooled).toBeGreaterThan(500);
  await expect.poll(() => full.publisher.status().state).toBe('connected');
  full.resolve();
  expect(await full.publisher.flush(PATIENT)).toBe(true);
  expect(full.publisher.stats()).toMatchObject({ acked: 699, unsigned: { no_key: 0, too_large: 0, adopted: 0 } });
  expect(await full.publisher.close(PATIENT)).toMatchObject({ lost: 0 });
  expect(segments()).toEqual([]);

  const lines = await linesOf(server, settings, 'acme');
  const events = lines
    .map((line) => parseEntry(line).event as { type: string; data: { size_bytes: number } })
    .filter(({ type }) => type !== 'producer.closed');
  expect(lines.length - events.length).toBe(3);
  expect(events.map(({ data }) => data.size_bytes)).toEqual(Array.from({ length: 1_000 }, (_, i) => i));
  const { keyid, publicKey } = await createSigner({ secret }).identity();
  const receiptKeys = createReceiptKeys(new Map([[keyid, publicKey]]));
  const report = await verifyLedger(nc, settings, { receiptKeys });
  expect(report).toMatchObject({ verdict: 'ok', chains: [{ receipts: { verified: 1_003, unknown: 0, unsigned: 0 } }] });
  await checkLedger(nc, settings);
});

test('what could not be signed is stored all the same, counted by reason, and said once', async () => {
  await using server = await startNats();
  const nc = await server.connect();
  const settings = await makeStreams(nc);
  using dir = temporaryDirectory();
  const none = createSigner({
    getSecret: () => Promise.reject(new Error('sealed')),
    backoffMinMs: 1e6,
    backoffMaxMs: 1e6,
  });
  const { publisher, logger } = publisherOf(server, settings, { signer: none, spoolDir: dir.path, durability: 'sync' });
  for (let i = 0; i < 50; i++) publisher.emit(upload(i, 'acme'));
  expect(await publisher.flush(PATIENT)).toBe(true);
  expect(publisher.stats().unsigned).toEqual({ no_key: 50, too_large: 0, adopted: 0 });
  const said = logger.lines.filter(({ message }) => message.includes('unsigned'));
  expect(said).toMatchObject([{ level: 'warn', message: 'there is no signing key: events are published unsigned' }]);
  await publisher.close();

  // A process that ended while it waited for its key; the next one has its own, and does not sign for the other.
  const never = createSigner({ getSecret: () => new Promise(() => {}), timeoutMs: 60_000 });
  const dead = publisherOf(server, settings, { signer: never, spoolDir: dir.path }).publisher;
  for (let i = 50; i < 70; i++) dead.emit(upload(i, 'acme'));
  expect(await dead.close({ timeoutMs: 1 })).toEqual({ acked: 0, spooled: 20, lost: 0 });
  const next = publisherOf(server, settings, { signer: createSigner({ secret }), spoolDir: dir.path }).publisher;
  await expect.poll(() => next.stats().spool?.adopted.acked).toBe(21);
  expect(next.stats().unsigned).toEqual({ no_key: 0, too_large: 0, adopted: 21 });
  await next.close();
  await using plain = publisherOf(server, settings, {}).publisher;
  expect(plain.stats().unsigned).toBe(null);
  expect((await linesOf(server, settings, 'acme')).length).toBe(72);
});
