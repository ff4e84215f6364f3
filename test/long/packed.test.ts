/**
 * The packages as a service gets them: the tarballs, installed by npm far from this repository, on the oldest Node that
 * they say they run on, on the lines after it, and on some on which they have to say that they do not.
 */
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { canonicalJson } from '@waybill/schema';
import { writeVerifyBundle } from '../../scripts/bundle-verify.ts';
import { makeBill, makeEvent, makeReplay, signEvent } from '../../packages/verify/test-support/files.ts';
import { packAll, type Tarball } from '../../scripts/pack.ts';
import { createLedgerBuilder } from '../support/ledger-builder.ts';
import { needsOwnServer, startNats } from '../support/nats.ts';
import { serveReader } from '../support/served-reader.ts';
import { makeStreams } from '../support/traffic.ts';

beforeEach(needsOwnServer);

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

let folder = '';
/** Of the service that has installed them. */
let app = '';
/** Of a customer, who has installed what judges files, and has some. */
let customer = '';
let tarballs: readonly Tarball[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'waybill-packed-'));
  app = join(folder, 'app');
  await mkdir(app);
  await writeFile(join(app, 'package.json'), JSON.stringify({ name: 'app', type: 'module', private: true }));
  tarballs = await packAll(join(folder, 'tarballs'));
  await install(app, ...tarballs.map(({ file }) => file), '@types/node');
  await writeFile(join(app, 'service.js'), SERVICE);
  customer = await makeCustomer();
});

afterAll(() => rm(folder, { recursive: true }));

const NODES = { 18: '18.20.8', 20: '20.19.0', 22: '22.12.0', 24: '24.12.0' } as const;

async function install(prefix: string, ...packages: string[]): Promise<void> {
  const args = ['install', '--no-audit', '--no-fund', '--prefer-offline', '--prefix', prefix, ...packages];
  const { code, stderr } = await run('npm', args);
  if (code !== 0) throw new Error(`npm ${args.join(' ')} failed: ${stderr}`);
}

/** npm's package of the binary alone; the one named `node` runs a script to fetch it. */
async function nodeBinary(major: keyof typeof NODES): Promise<string> {
  const name = `node-${process.platform}-${process.arch}`;
  const prefix = join(folder, `node-${major}`);
  await install(prefix, `${name}@${NODES[major]}`);
  return join(prefix, 'node_modules', name, 'bin/node');
}

function run(command: string, args: readonly string[], env: NodeJS.ProcessEnv = {}, cwd = app): Promise<Ended> {
  return new Promise((resolve) => {
    const options = { cwd, env: { ...process.env, ...env } };
    execFile(command, args, options, (error, stdout, stderr) => {
      resolve({ code: typeof error?.code === 'number' ? error.code : error ? -1 : 0, stdout, stderr });
    });
  });
}

/** All of the publisher that an older Node could break: the client, spool, file sink, runs, signatures, subpaths. */
const SERVICE = `
import { artifactUploaded, createPublisher, createSigner, defineEvent } from '@waybill/publisher';
import { fileSink } from '@waybill/publisher/sinks';
import { audited } from '@waybill/publisher/instrument';
import { auditRequests } from '@waybill/publisher/express';
import { observePublisher } from '@waybill/publisher/otel';
import { verify } from '@waybill/schema';
import { readFileSync } from 'node:fs';
import { z } from 'zod';

const [folder] = process.argv.slice(2);
const approved = defineEvent({ type: 'run.approved', data: z.object({ ticket: z.string() }) });
const signer = createSigner({ secret: 'nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=' });
const audit = createPublisher({
  source: '//app',
  servers: process.env.NATS_URL,
  events: [approved],
  spoolDir: folder + '/spool',
  durability: 'sync',
  signer,
});
const upload = { orgid: 'acme', digest: 'sha256:' + 'a'.repeat(64), size_bytes: 5 };
const { stream } = await audit.confirm(artifactUploaded(upload), { level: 'acked', timeoutMs: 20_000 });
await audited({ audit, name: 'job', orgid: 'acme' })(async () => 1)();
audit.emit(approved({ orgid: 'acme', ticket: 'T-1' }));
await audit.flush();
const { acked, dropped } = audit.stats();
await audit.close();

const file = fileSink({ source: '//app', directory: folder });
await file.confirm(artifactUploaded(upload));
await file.close();
const { verdict } = verify(readFileSync(folder + '/acme.ndjson', 'utf8').trim().split('\\n'));
console.log(JSON.stringify({ stream, acked, lost: Object.values(dropped).reduce((a, b) => a + b), verdict }));
if (typeof auditRequests !== 'function' || typeof observePublisher !== 'function') throw new Error('no subpath');
`;

async function serviceOn(node: string, name: string): Promise<Ended> {
  await using server = await startNats();
  const files = join(folder, `files-${name}`);
  await mkdir(files);
  // The consumer of the tarball, on the Node that this project pins, owns the streams.
  const WAYBILL_NATS_URL = server.url;
  const deployed = await run('npx', ['--no-install', 'waybill', 'deploy'], { WAYBILL_NATS_URL });
  expect(deployed).toEqual({ code: 0, stdout: 'stream AUDIT: created\nstream LEDGER: created\n', stderr: '' });
  return await run(node, ['service.js', files], { NATS_URL: server.url });
}

/** The client against a reader: a whole answer, a sequence, bills with their end, and an error. */
const CLIENT = `
import { ClientError, createClient } from '@waybill/client';

const client = createClient({ url: process.env.READER, token: 'root' });
const { uploads } = await client.usage.get({ orgid: 'acme', period: '2025-11' });
const counts = { entries: 0, bills: 0 };
for await (const _ of client.entries.list({ orgid: 'acme' })) counts.entries++;
for await (const _ of client.bills.all({ period: '2025-11' })) counts.bills++;
for await (const _ of client.entries.follow({ orgid: 'acme' })) break;
const error = await client.usage.get({ orgid: 'nobody' }).catch((one) => one);
console.log(JSON.stringify({ bytes: uploads.bytes, ...counts, code: error instanceof ClientError && error.code }));
`;

async function clientOn(node: string): Promise<Ended> {
  await using server = await startNats();
  const nc = await server.connect();
  const settings = await makeStreams(nc);
  const builder = createLedgerBuilder(nc, settings);
  for (const bytes of [1, 20]) builder.append({ orgid: 'acme', received: '2025-11-03T12:00:00.000Z', bytes });
  await builder.commit();
  await using reader = await serveReader(nc, settings);
  await writeFile(join(app, 'client.js'), CLIENT);
  return await run(node, ['client.js'], { READER: reader.url });
}

const ASKED = { code: 0, stdout: '{"bytes":"21","entries":2,"bills":1,"code":"NOT_FOUND"}\n', stderr: '' };

test.for([22, 24] as const)('on Node %s the client asks a reader', async (major) => {
  expect(await clientOn(await nodeBinary(major))).toEqual(ASKED);
});

test('on Node 26 the client asks a reader', async () => {
  expect(await clientOn(process.execPath)).toEqual(ASKED);
});

const STORED = { code: 0, stdout: '{"stream":"AUDIT","acked":4,"lost":0,"verdict":"ok"}\n', stderr: '' };

test.for([22, 24] as const)('on Node %s the publisher works, and the consumer says what it needs', async (major) => {
  const node = await nodeBinary(major);
  expect(await serviceOn(node, String(major))).toEqual(STORED);
  const consumer = await run(node, ['--input-type=module', '--eval', "import '@waybill/consumer'"]);
  expect(consumer.code).not.toBe(0);
  expect(consumer.stderr).toContain(`Error: @waybill/consumer needs Node 26 or newer; this is Node ${NODES[major]}`);
  const command = await run(node, ['node_modules/@waybill/consumer/dist/cli.js', 'help']);
  const line = `waybill needs Node 26 or newer; this is Node ${NODES[major]}\n`;
  expect(command).toEqual({ code: 78, stdout: '', stderr: line });
  const spool = await run(node, ['node_modules/.bin/waybill-spool', '--help']);
  expect(spool).toMatchObject({ code: 0, stdout: expect.stringContaining('Usage: waybill-spool') });
});

async function makeCustomer(): Promise<string> {
  const home = join(folder, 'customer');
  await mkdir(home);
  await writeFile(join(home, 'package.json'), JSON.stringify({ name: 'customer', type: 'module', private: true }));
  const files = tarballs.filter(({ name }) => ['schema', 'verify'].includes(name)).map(({ file }) => file);
  await install(home, ...files);
  const lines = makeReplay([1, 2, 3, 4].map((n) => signEvent(makeEvent(n))));
  await writeFile(join(home, 'replay'), `${lines.join('\n')}\n`);
  await writeFile(join(home, 'forged'), `${lines.join('\n').replace('run.started', 'run.stopped')}\n`);
  await writeFile(join(home, 'bill'), makeBill(lines));
  await writeFile(join(home, 'receipt'), canonicalJson(signEvent(makeEvent(1))));
  return home;
}

test('who installs verify gets schema, what schema needs, and nothing else', async () => {
  const modules = join(customer, 'node_modules');
  const folders = (await readdir(modules)).filter((name) => !name.startsWith('.'));
  expect(folders.toSorted()).toEqual(['@noble', '@waybill', 'canonicalize', 'zod']);
  expect((await readdir(join(modules, '@waybill'))).toSorted()).toEqual(['schema', 'verify']);
  expect(await readdir(join(modules, '@noble'))).toEqual(['hashes']);
});

/** What it says of each file, by the command that was installed and by the one file that needs no installation. */
async function judgeOn(node: string, command: readonly string[], cwd: string): Promise<string[]> {
  const cases = [['replay'], ['forged'], ['bill'], ['bill', 'replay'], ['receipt'], ['missing']];
  const ended = await Promise.all(
    cases.map(async (files) => run(node, [...command, ...files.map((file) => join(customer, file))], {}, cwd)),
  );
  return ended.map(({ code, stdout, stderr }) => `${code} ${(stdout || stderr).trimEnd().split('\n').at(-1)}`);
}

const JUDGED = [
  '0 verdict: ok',
  '1 verdict: tampered',
  '0 verdict: ok, unanchored',
  '0 verdict: ok',
  '3 verdict: incomplete, not checked',
  expect.stringMatching(/^66 waybill-verify: could not read .*missing: ENOENT/),
];

test.for([22, 24, 26] as const)(
  'on Node %s a customer judges files, with an installation and without',
  async (major) => {
    const node = major === 26 ? process.execPath : await nodeBinary(major);
    const installed = join(customer, 'node_modules/.bin/waybill-verify');
    expect(await judgeOn(node, [installed], customer)).toEqual(JUDGED);
    const empty = await mkdtemp(join(folder, 'empty-'));
    await writeVerifyBundle(join(empty, 'waybill-verify.mjs'));
    expect(await judgeOn(node, [join(empty, 'waybill-verify.mjs')], empty)).toEqual(JUDGED);
    const program = `import { verifyFiles } from '@waybill/verify'; console.log((await verifyFiles('replay')).report.verdict)`;
    const ended = await run(node, ['--input-type=module', '--eval', program], {}, customer);
    expect(ended).toEqual({ code: 0, stdout: 'ok\n', stderr: '' });
  },
);

test('on Node 26 everything works', async () => {
  expect(await serviceOn(process.execPath, '26')).toEqual(STORED);
  const help = await run('npx', ['--no-install', 'waybill', 'help', 'usage']);
  expect(help).toMatchObject({ code: 0, stdout: expect.stringMatching(/^Usage: waybill usage/) });
});

test.for([18, 20] as const)('on Node %s every entry point says what it needs', async (major) => {
  const node = await nodeBinary(major);
  for (const name of ['schema', 'publisher', 'verify', 'client', 'consumer']) {
    const manifest = await readFile(join(app, 'node_modules/@waybill', name, 'package.json'), 'utf8');
    const { exports, engines } = JSON.parse(manifest) as { exports: Record<string, object>; engines: { node: string } };
    for (const path of Object.keys(exports).filter((one) => !/json$|node-version$|routes$/.test(one))) {
      const entry = join('@waybill', name, path);
      const { stderr } = await run(node, ['--input-type=module', '--eval', `import '${entry}'`]);
      const needed = engines.node.replace('>=', '');
      // Hono's is the framework's first: its optional peer is not installed.
      if (path === './hono') continue;
      expect(stderr, entry).toContain(
        `Error: @waybill/${name} needs Node ${needed} or newer; this is Node ${NODES[major]}`,
      );
    }
  }
  for (const [command, needed] of [
    ['waybill', '26'],
    ['waybill-spool', '22.12'],
    ['waybill-verify', '22.12'],
  ] as const) {
    const ended = await run(node, [join('node_modules/.bin', command), '--help']);
    const stderr = `${command} needs Node ${needed} or newer; this is Node ${NODES[major]}\n`;
    expect(ended).toEqual({ code: 78, stdout: '', stderr });
  }
  const alone = await mkdtemp(join(folder, 'empty-'));
  await writeVerifyBundle(join(alone, 'waybill-verify.mjs'));
  const ended = await run(node, [join(alone, 'waybill-verify.mjs'), '--help']);
  const stderr = `waybill-verify needs Node 22.12 or newer; this is Node ${NODES[major]}\n`;
  expect(ended).toEqual({ code: 78, stdout: '', stderr });
});

test('TypeScript finds the types of every entry point', async () => {
  const program = `
    import { createPublisher, type Publisher } from '@waybill/publisher';
    import { readConfig } from '@waybill/consumer';
    import { type Client, createClient } from '@waybill/client';
    import { verify } from '@waybill/schema';
    import { verifyLines } from '@waybill/verify';
    const audit: Publisher = createPublisher({ source: '//app' });
    export const judge: typeof verifyLines = verifyLines;
    export const client: Client = createClient({ url: 'https://waybill.example' });
    export const usage = client.usage.get({ orgid: 'acme', step: 'day', wait: 5 }).then(({ uploads }) => uploads.bytes);
    export const answers: string[] = [audit.status().state, verify([]).verdict, readConfig({}).streamMode];
  `;
  await writeFile(join(app, 'types.ts'), program);
  const bin = join(import.meta.dirname, '../../node_modules/.bin');
  const args = ['--noEmit', '--strict', '--module', 'nodenext', '--target', 'es2024', 'types.ts'];
  const env = { PATH: `${bin}${delimiter}${process.env['PATH'] ?? ''}` };
  expect(
    await run(join(bin, 'tsc'), [...args, '--lib', 'es2024,esnext.disposable', '--types', 'node'], env),
  ).toMatchObject({
    code: 0,
    stdout: '',
  });
});
