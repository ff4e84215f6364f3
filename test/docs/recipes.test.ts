/**
 * The recipes of docs/guides/recipes.md do what they say. What they send is always made and read; where the client
 * library of the language is installed (`python3`, or `WAYBILL_TEST_PYTHON`, with nats-py), the program runs against a
 * real server as well.
 */
import { startConsumer } from '@waybill/consumer';
import { readMessage } from '@waybill/schema';
import { execFile, spawnSync } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { caughtUp, checkLedger } from '../support/check-ledger.ts';
import { logger } from '../support/logger.ts';
import { startNats } from '../support/nats.ts';
import { IS_WHOLE } from '../support/part.ts';
import { ROOT } from '../support/repository.ts';
import { makeStreams } from '../support/traffic.ts';

const run = promisify(execFile);
const PAGE = await readFile(join(ROOT, 'docs/guides/recipes.md'), 'utf8');
const PYTHON = process.env['WAYBILL_TEST_PYTHON'] ?? 'python3';
const can = (command: string, ...args: string[]): boolean => spawnSync(command, args).status === 0;
const SUBJECT = 'audit.release.approved.acme';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'waybill-recipe-'));
});
afterEach(() => rm(folder, { recursive: true }));

/** The code block after a mark. */
function recipe(mark: string): string {
  const code = PAGE.split(`<!-- test: ${mark} -->\n`)[1]?.split('```')[1];
  if (code === undefined) throw new Error(`docs/guides/recipes.md has no ${mark}`);
  return code.slice(code.indexOf('\n') + 1);
}

interface Sent {
  readonly subject: string;
  readonly payload: string;
  readonly headers: Readonly<Record<string, string>>;
}

function expectEvent({ subject, payload, headers }: Sent): void {
  const message = readMessage(subject, new TextEncoder().encode(payload));
  expect(message).toMatchObject({ form: 'single', reading: { ok: true, orgid: 'acme', origin: null } });
  const { id } = JSON.parse(payload) as { id: string };
  expect(headers).toEqual({ 'Content-Type': 'application/cloudevents+json', 'Nats-Msg-Id': id });
}

/** A program that keeps what it is called with. */
async function writeProgram(name: string, text: string): Promise<void> {
  const file = join(folder, 'bin', name);
  await mkdir(join(folder, 'bin'), { recursive: true });
  await writeFile(file, text);
  await chmod(file, 0o755);
}

const env = (more: Record<string, string> = {}) => ({
  ...process.env,
  PATH: `${join(folder, 'bin')}${delimiter}${process.env['PATH']}`,
  ...more,
});

test('from a shell: what the nats command is given is an event', async () => {
  const out = join(folder, 'args');
  await writeProgram('nats', `#!/bin/sh\nprintf '%s\\0' "$@" > '${out}'\n`);
  if (!can('uuidgen')) await writeProgram('uuidgen', '#!/bin/sh\necho 7b8f8f9e-5c0e-4c46-9a3c-0c8a1f6e2d11\n');
  await run('sh', ['-c', recipe('shell')], { env: env() });
  const [command, subject = '', ...rest] = (await readFile(out, 'utf8')).split('\0').slice(0, -1);
  expect([command, subject]).toEqual(['req', SUBJECT]);
  const payload = rest.at(-1) ?? '';
  const given = rest.flatMap((arg, i) => (rest[i - 1] === '--header' ? [arg.split(': ') as [string, string]] : []));
  expectEvent({ subject, payload, headers: Object.fromEntries(given) });
});

test('from Python: what nats-py is given is an event', async ({ skip }) => {
  if (!can(PYTHON, '--version')) skip('there is no Python');
  // Only what the recipe calls, to see what it sends; the test below runs it with nats-py itself.
  const stub = `import json
class Client:
    def jetstream(self): return self
    async def publish(self, subject, payload, headers):
        print(json.dumps({"subject": subject, "payload": payload.decode(), "headers": headers}))
        return type("Ack", (), {"stream": "AUDIT", "seq": 1})
    async def drain(self): pass
async def connect(url): return Client()
`;
  await writeFile(join(folder, 'nats.py'), stub);
  const { stdout } = await run(PYTHON, ['-c', recipe('python')], { env: env({ PYTHONPATH: folder, NATS_URL: 'x' }) });
  expectEvent(JSON.parse(stdout.split('\n')[0] ?? '') as Sent);
});

test('from Python, with nats-py and a real server: the event is chained', async ({ skip }) => {
  if (!can(PYTHON, '-c', 'import nats.js')) skip(`${PYTHON} has no nats-py`);
  await using server = await startNats();
  const nc = await server.connect();
  const settings = await makeStreams(nc);
  // The recipe has the default prefix; the streams of a test have their own.
  const program = recipe('python').replace('"audit.', `"${settings.auditPrefix}.`);
  await using consumer = await startConsumer({ nc, logger, ...settings });
  const { stdout } = await run(PYTHON, ['-c', program], { env: env({ NATS_URL: server.url }) });
  expect(stdout).toBe(`${settings.auditStream} 1\n`);
  await caughtUp(nc, settings);
  expect(consumer.status()).toMatchObject({ rejected: 0 });
  const ledger = await checkLedger(nc, settings);
  expect(ledger.entries('acme').map(({ event }) => event)).toMatchObject([
    { type: 'com.example.release.approved', data: { version: '1.2.0' } },
  ]);
});

test('from Go: what is sent is an event', async ({ skip }) => {
  // Without a cache of its own, Go compiles its library first, for half a minute.
  if (!IS_WHOLE) skip('in npm run test:long');
  if (!can('go', 'version')) skip('there is no Go');
  await writeFile(join(folder, 'go.mod'), 'module recipe\n\ngo 1.24\n');
  await writeFile(join(folder, 'event.go'), recipe('go event.go'));
  const main = `package main
import "fmt"
func main() {
	_, payload, err := releaseApproved("acme", "1.2.0")
	if err != nil { panic(err) }
	fmt.Print(string(payload))
}
`;
  await writeFile(join(folder, 'main.go'), main);
  const { stdout } = await run('go', ['run', '.'], {
    cwd: folder,
    env: { ...process.env, GOFLAGS: '-mod=mod', GOTOOLCHAIN: 'local' },
  });
  const { id } = JSON.parse(stdout) as { id: string };
  // The headers are set by the part that needs nats.go.
  expect(recipe('go main.go')).toContain('message.Header.Set("Content-Type", "application/cloudevents+json")');
  expect(recipe('go main.go')).toContain(`nats.NewMsg("${SUBJECT}")`);
  const headers = { 'Content-Type': 'application/cloudevents+json', 'Nats-Msg-Id': id };
  expectEvent({ subject: SUBJECT, payload: stdout, headers });
});
