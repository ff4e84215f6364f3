import { DEFAULT_SETTINGS, deployStreams, startConsumer, usage } from '@waybill/consumer';
import { artifactDownloaded, createPublisher, type Publisher } from '@waybill/publisher';
import { memorySink } from '@waybill/publisher/testing';
import { type JsonObject, type Transfer, transferOf } from '@waybill/schema/internal';
import { randomBytes, randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type ArtifactStore, startArtifactStore } from '../../examples/artifact-store/artifact-store.ts';
import { openBlobFolder } from '../../examples/artifact-store/blob-folder.ts';
import { caughtUp, checkLedger, readStream } from '../support/check-ledger.ts';
import { logger } from '../support/logger.ts';
import { needsOwnServer, startNats } from '../support/nats.ts';
import { startProgram } from '../support/program.ts';
import { ROOT } from '../support/repository.ts';
import { PATIENT } from '../support/time.ts';
import { createCount, digestOf, makeStreams } from '../support/traffic.ts';
import { until } from '../support/until.ts';

const source = '//cas.example/artifact-store';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'waybill-example-'));
});
afterEach(() => rm(folder, { recursive: true }));

interface Ask {
  orgid?: string;
  body?: string;
  headers?: Record<string, string>;
}

/** A method, and what is after `/cas/`. */
async function ask(store: ArtifactStore, line: string, { orgid = 'acme', body, headers = {} }: Ask = {}) {
  const [method = '', digest = ''] = line.split(' ');
  const init = { method, headers: { 'x-organization': orgid, 'x-actor': 'u-7', ...headers } };
  const response = await fetch(`${store.url}/cas/${digest}`, body === undefined ? init : { ...init, body });
  return { status: response.status, text: await response.text() };
}

/** The store emits once a response has ended, which its client may see a moment earlier. */
async function expectSettled(audit: Publisher, events: number): Promise<void> {
  await until(`${events} events`, () => audit.stats().emitted >= events);
  expect(await audit.flush(PATIENT)).toBe(true);
  expect(audit.stats()).toMatchObject({ emitted: events, acked: events });
}

/** Everything the store does, whatever becomes of the events; returns how many of them there have to be. */
async function exercise(store: ArtifactStore): Promise<number> {
  const digest = digestOf('hello');
  expect(await ask(store, `GET ${digest}`)).toMatchObject({ status: 404 });
  expect(await ask(store, `PUT ${digest}`, { body: 'hullo' })).toMatchObject({ status: 400 });
  expect(await ask(store, `GET ${digest}`)).toMatchObject({ status: 404 });
  expect(await ask(store, `PUT ${digest}`, { body: 'hello' })).toMatchObject({ status: 201 });
  expect(await ask(store, `PUT ${digest}`, { body: 'hello' })).toMatchObject({ status: 200 });
  expect(await ask(store, `GET ${digest}`)).toEqual({ status: 200, text: 'hello' });
  expect(await ask(store, `GET ${digest}`, { orgid: 'other' })).toMatchObject({ status: 404 });
  expect(await ask(store, `PUT ${digestOf('')}`, { body: '' })).toMatchObject({ status: 201 });
  expect(await ask(store, `POST ${digest}`, { body: 'hello' })).toMatchObject({ status: 405 });
  expect(await ask(store, `PUT ${digest}`, { body: 'hello', orgid: '../../etc' })).toMatchObject({ status: 401 });
  expect(await ask(store, `PUT ${digest}`, { body: 'hello', headers: { 'x-actor': '' } })).toMatchObject({
    status: 401,
  });
  expect(await ask(store, 'GET sha256:abc')).toMatchObject({ status: 404 });
  // The second one's content was another: that failed.
  return 5;
}

test('the ledger has what the store did: real HTTP, real server, real consumer', async () => {
  await using server = await startNats();
  const nc = await server.connect();
  const settings = await makeStreams(nc);
  await using _consumer = await startConsumer({ nc, logger, ...settings });
  await using audit = createPublisher({
    source,
    servers: server.url,
    subjectPrefix: settings.auditPrefix,
    logger,
  });
  await using store = await startArtifactStore({ folder, audit });

  const count = createCount();
  const contents = Array.from({ length: 40 }, (_, i) => randomBytes(i * 500).toString('hex'));
  await Promise.all(
    ['acme', 'other', 'third'].map(async (orgid) => {
      for (const [i, body] of contents.entries()) {
        const put = `PUT ${digestOf(body)}`;
        expect(await ask(store, put, { orgid, body })).toEqual({ status: 201, text: 'stored\n' });
        count.add({ orgid, kind: 'upload', bytes: body.length });
        for (let again = 0; again < i % 3; again++) {
          expect(await ask(store, put, { orgid, body })).toEqual({ status: 200, text: 'present\n' });
          count.add({ orgid, kind: 'deduplicated', bytes: body.length });
        }
        for (let times = 0; times < i % 4; times++) {
          expect(await ask(store, `GET ${digestOf(body)}`, { orgid })).toEqual({ status: 200, text: body });
          count.add({ orgid, kind: 'download', bytes: body.length });
        }
      }
    }),
  );
  const events = [...count.totals().values()].reduce((sum, totals) => sum + Number(totals.events), 0);
  await expectSettled(audit, events);
  await caughtUp(nc, settings);

  const ledger = await checkLedger(nc, settings);
  expect(ledger.totals).toEqual(count.totals());
  expect(await usage(nc, settings, { orgid: 'acme' })).toMatchObject(count.totals().get('acme') ?? {});
  expect(ledger.entries('acme')[0]?.event).toMatchObject({
    source,
    type: 'casartifact.uploaded',
    orgid: 'acme',
    actortype: 'USER',
    actorid: 'u-7',
    data: { digest: digestOf(''), size_bytes: 0, skipped: false, backend_type: 'FOLDER' },
  });
});

test('a client does not choose by its names whether it is billed', async () => {
  await using server = await startNats();
  const nc = await server.connect();
  const settings = await makeStreams(nc);
  await using _consumer = await startConsumer({ nc, logger, ...settings });
  const { auditPrefix: subjectPrefix } = settings;
  await using audit = createPublisher({ source, servers: server.url, subjectPrefix, logger });
  await using store = await startArtifactStore({ folder, audit });

  const body = 'hello';
  const put = `PUT ${digestOf(body)}`;
  const file = 'f'.repeat(1_025);
  const actor = 'a'.repeat(257);
  const [longFile, longActor] = [{ 'x-file-name': file }, { 'x-actor': actor }];
  expect(await ask(store, put, { body, headers: longFile })).toMatchObject({ status: 201 });
  expect(await ask(store, `GET ${digestOf(body)}`, { headers: longFile })).toMatchObject({ status: 200 });
  expect(await ask(store, `GET ${digestOf(body)}`, { headers: longActor })).toMatchObject({ status: 200 });
  expect(await ask(store, put, { body, headers: { 'x-actor': 'a'.repeat(8_000), ...longFile } })).toMatchObject({
    status: 200,
  });
  // As a gateway may hand on what the client calls itself; the store has no such header.
  audit.emit(
    artifactDownloaded({ orgid: 'acme', digest: digestOf(body), size_bytes: 5, actorid: 'u-7', actorname: actor }),
  );
  await expectSettled(audit, 5);
  await caughtUp(nc, settings);

  const ledger = await checkLedger(nc, settings);
  expect(await usage(nc, settings, { orgid: 'acme' })).toMatchObject({
    uploads: { count: '1', bytes: '5' },
    downloads: { count: '3', bytes: '15' },
    deduplicated: { count: '1', bytes: '5' },
  });
  const events = ledger.entries('acme').map(({ event }) => event);
  expect(events.slice(0, 3)).toMatchObject([
    { actorid: 'u-7', data: { file_name: `${'f'.repeat(1_023)}…` } },
    { actorid: 'u-7', data: { file_name: `${'f'.repeat(1_023)}…` } },
    // An id is not cut: who has it can compute this.
    { actorid: digestOf(actor) },
  ]);
  expect(events[4]).toMatchObject({ actorid: 'u-7', actorname: `${'a'.repeat(255)}…` });
});

test('refusals leave no event, and everything else leaves one', async () => {
  await using server = await startNats();
  const nc = await server.connect();
  const { auditPrefix } = await makeStreams(nc);
  await using audit = createPublisher({ source, servers: server.url, subjectPrefix: auditPrefix, logger });
  await using store = await startArtifactStore({ folder, audit });
  const events = await exercise(store);
  await expectSettled(audit, events);
});

test('works the same with a publisher that is disabled', async () => {
  await using audit = createPublisher({ source: '//cas.example', logger });
  await using store = await startArtifactStore({ folder, audit });
  await exercise(store);
  expect(audit.status().state).toBe('disabled');
});

test('works the same while NATS is down, and the events arrive once it is there', async (context) => {
  needsOwnServer(context);
  await using server = await startNats();
  const nc = await server.connect();
  const settings = await makeStreams(nc);
  await server.stop();
  await using audit = createPublisher({
    source,
    servers: server.url,
    subjectPrefix: settings.auditPrefix,
    logger,
  });
  await using store = await startArtifactStore({ folder, audit });
  const events = await exercise(store);
  await until(`${events} events`, () => audit.stats().emitted >= events);
  expect(audit.stats()).toMatchObject({ emitted: events, pending: events });
  await server.restart();
  await expectSettled(audit, events);
});

test('of many who upload the same at once, one has uploaded it', async () => {
  const { audit, events } = recorder();
  await using store = await startArtifactStore({ folder, audit });
  const body = 'x'.repeat(100_000);
  const answers = await Promise.all(Array.from({ length: 20 }, () => ask(store, `PUT ${digestOf(body)}`, { body })));
  expect(answers.filter(({ status }) => status === 201)).toHaveLength(1);
  expect(answers.filter(({ status }) => status === 200)).toHaveLength(19);
  expect(events.filter(({ fields }) => !fields['skipped'])).toHaveLength(1);
  expect(events.every(({ fields }) => fields['size_bytes'] === 100_000)).toBe(true);
});

test('a client that goes away has neither uploaded nor downloaded, and owes what was moved until then', async () => {
  const { audit, events } = recorder();
  const body = randomBytes(8 * 1024 * 1024).toString('hex');
  const digest = digestOf(body);
  const headers = { 'x-organization': 'acme', 'x-actor': 'u-7' };
  {
    await using store = await startArtifactStore({ folder, audit });
    const upload = request(`${store.url}/cas/${digest}`, { method: 'PUT', headers });
    upload.on('error', () => {});
    upload.write(body.slice(0, 1_000_000));
    await until('a part of it to arrive', async () => (await readdir(join(folder, 'incoming'))).length > 0);
    upload.destroy();
    await until('the part to be removed', async () => (await readdir(join(folder, 'incoming'))).length === 0);
    expect(await ask(store, `GET ${digest}`)).toMatchObject({ status: 404 });

    expect(await ask(store, `PUT ${digest}`, { body })).toMatchObject({ status: 201 });
    await new Promise<void>((resolve) => {
      const download = request(`${store.url}/cas/${digest}`, { headers }, (response) => {
        response.on('error', () => {});
        response.once('data', () => response.destroy());
        response.once('close', resolve);
      });
      download.on('error', () => {});
      download.end();
    });
  }
  expect(events.map(({ type, fields }) => [type, fields['outcome'] ?? 'success'])).toEqual([
    ['casartifact.uploaded', 'failure'],
    ['casartifact.uploaded', 'success'],
    ['casartifact.downloaded', 'failure'],
  ]);
  const [upload, , download] = await Promise.all(events.map(stampedTransfer));
  expect(upload).toMatchObject({ kind: 'upload', digest, failed: true });
  expect(upload?.bytes).toBeGreaterThan(0);
  expect(upload?.bytes).toBeLessThanOrEqual(1_000_000);
  expect(download).toMatchObject({ kind: 'download', digest, failed: true });
  expect(download?.bytes).toBeLessThan(body.length);
});

test('as a service of its own: SIGTERM finishes what is under way, and what it emitted', async (context) => {
  needsOwnServer(context);
  await using server = await startNats();
  const nc = await server.connect();
  await deployStreams(nc, DEFAULT_SETTINGS);
  const env = { STORE_FOLDER: folder, PORT: '0', NATS_URL: server.url };
  await using running = startProgram([join(ROOT, 'examples/artifact-store/main.ts')], { env });
  const url = await until('the address', () => /^artifact-store listens on (.*)\n/.exec(running.stdout)?.[1]);
  const response = await fetch(`${url}/cas/${digestOf('hello')}`, {
    method: 'PUT',
    body: 'hello',
    headers: { 'x-organization': 'acme', 'x-actor': 'u-7' },
  });
  expect(response.status).toBe(201);
  expect(await running.end('SIGTERM')).toMatchObject({ code: 0 });
  expect((await readStream(nc, 'AUDIT')).map(({ subject }) => subject)).toEqual([
    'audit.casartifact.uploaded.acme',
    'audit.producer.closed.acme',
  ]);
});

/** What an event adds to the bill, as the ledger reads it. */
async function stampedTransfer(event: { type: string; fields: Record<string, unknown> }): Promise<Transfer | null> {
  await using sink = memorySink();
  await sink.confirm(event, PATIENT);
  return transferOf(sink.events[0] as unknown as JsonObject);
}

/** A publisher that only remembers. The ones above are real; here it is the store alone that is looked at. */
function recorder(): { audit: Publisher; events: { type: string; fields: Record<string, unknown> }[] } {
  const events: { type: string; fields: Record<string, unknown> }[] = [];
  const disabled = createPublisher({ source: '//cas.example', logger });
  return { audit: { ...disabled, emit: (event) => void events.push(event as never) }, events };
}

test("unfinished uploads of an earlier run go, other people's files in the folder stay; capitals make another folder", async () => {
  const incoming = join(folder, 'incoming');
  await mkdir(join(incoming, 'theirs'), { recursive: true });
  await writeFile(join(incoming, 'theirs', 'mail'), 'x');
  await writeFile(join(incoming, 'report.upload'), 'x');
  await writeFile(join(incoming, `${randomUUID()}.upload`), 'half of it');
  const blobs = await openBlobFolder(folder);
  expect((await readdir(incoming)).toSorted()).toEqual(['report.upload', 'theirs']);
  expect(await readdir(join(incoming, 'theirs'))).toEqual(['mail']);

  const digest = digestOf('hello');
  const put = (orgid: string) => blobs.put({ orgid, digest }, Readable.from([Buffer.from('hello')]), { bytes: 0 });
  expect(await put('acme')).toEqual({ outcome: 'stored', bytes: 5 });
  await put('Acme');
  expect((await readdir(join(folder, 'organizations'))).toSorted()).toEqual(['!acme', 'acme']);
});
