/** CONTRIBUTING.md's two ways to an event type: the definition runs, and the diff applies, compiles and works. */
import { startConsumer } from '@waybill/consumer';
import { readMessage } from '@waybill/schema';
import { createDataCheck, stampEvent } from '@waybill/schema/internal';
import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { caughtUp, checkLedger } from '../support/check-ledger.ts';
import { logger } from '../support/logger.ts';
import { needsOwnServer, startNats } from '../support/nats.ts';
import { runProgram } from '../support/program.ts';
import { ROOT } from '../support/repository.ts';
import { makeStreams } from '../support/traffic.ts';

const CONTRIBUTING = readFileSync(join(ROOT, 'CONTRIBUTING.md'), 'utf8');
const block = (language: string) => new RegExp(`^\`\`\`${language}\n(.*?)^\`\`\`$`, 'ms').exec(CONTRIBUTING)?.[1] ?? '';

/** Goes with the test. */
function workspace(): string {
  const folder = mkdtempSync(join(tmpdir(), 'waybill-event-type-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return folder;
}

async function run(folder: string, file: string, env: Record<string, string> = {}): Promise<string> {
  const { code, stdout, stderr } = await runProgram([join(folder, file)], { env });
  expect(code, stderr).toBe(0);
  return stdout;
}

test("a service's own type goes through to the ledger", async (context) => {
  needsOwnServer(context);
  await using server = await startNats();
  const nc = await server.connect();
  const settings = await makeStreams(nc);
  await using _consumer = await startConsumer({ nc, logger, ...settings });

  const folder = workspace();
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
  symlinkSync(join(ROOT, 'packages/consumer/node_modules'), join(folder, 'node_modules'));
  const code = block('ts')
    .replace("'@waybill/publisher'", JSON.stringify(join(ROOT, 'packages/publisher/src/index.ts')))
    .replace('events: [', `subjectPrefix: '${settings.auditPrefix}',\n  events: [`);
  writeFileSync(join(folder, 'program.ts'), `${code}\nconsole.log(JSON.stringify(await audit.close()));\n`);
  expect(await run(folder, 'program.ts', { NATS_URL: server.url })).toBe('{"acked":1,"spooled":0,"lost":0}\n');

  await caughtUp(nc, settings);
  const ledger = await checkLedger(nc, settings);
  expect(ledger.entries('acme')[0]?.event).toMatchObject({
    type: 'release.approved',
    data: { version: '1.2.0', tickets: [] },
  });
});

test('the diff for a built-in type applies, compiles, and the event goes through', async () => {
  const folder = workspace();
  for (const name of ['schema', 'publisher']) {
    cpSync(join(ROOT, 'packages', name, 'src'), join(folder, 'packages', name, 'src'), { recursive: true });
    cpSync(join(ROOT, 'packages', name, 'package.json'), join(folder, 'packages', name, 'package.json'));
  }
  symlinkSync(join(ROOT, 'packages/schema/node_modules'), join(folder, 'packages/schema/node_modules'));
  // In a folder that is in no repository `git apply` is `patch`, which is not on every machine.
  execFileSync('git', ['apply', '-'], { cwd: folder, input: block('diff') });

  writeFileSync(
    join(folder, 'tsconfig.json'),
    JSON.stringify({
      extends: join(ROOT, 'tsconfig.base.json'),
      compilerOptions: { noEmit: true, types: [], lib: ['es2024', 'esnext.disposable', 'webworker'] },
      include: ['packages/schema/src'],
      exclude: ['**/*.test.ts'],
    }),
  );
  execFileSync(join(ROOT, 'node_modules/.bin/tsc'), ['-p', folder], { stdio: ['ignore', 'inherit', 'inherit'] });

  writeFileSync(
    join(folder, 'program.ts'),
    `import { artifactDeleted, readMessage } from './packages/schema/src/index.ts';
     import { createDataCheck, stampEvent } from './packages/schema/src/internal.ts';
     const stamp = ${JSON.stringify(stamp)};
     const draft = artifactDeleted({ orgid: 'acme', digest: ${JSON.stringify(digest)}, size_bytes: 5 });
     const { text } = stampEvent(draft.type, draft.fields, stamp, createDataCheck());
     const subject = 'audit.casartifact.deleted.acme';
     const read = (text) => readMessage(subject, new TextEncoder().encode(text)).reading;
     const good = read(text);
     const bad = read(text.replace('sha256:', 'md5:'));
     console.log(JSON.stringify([good.ok && { ...good.event, transfer: good.transfer }, bad.ok, bad.detail]));`,
  );
  const [event, ok, detail] = JSON.parse(await run(folder, 'program.ts')) as [unknown, boolean, string];
  expect(event).toMatchObject({
    type: 'casartifact.deleted',
    orgid: 'acme',
    data: { digest, size_bytes: 5 },
    transfer: null,
  });
  expect(ok).toBe(false);
  expect(detail).toContain('digest');
});

test('before the diff, data of that type is not looked at', () => {
  const fields = { orgid: 'acme', digest: 'md5:1' };
  const { text } = stampEvent('casartifact.deleted', fields, stamp, createDataCheck());
  const message = readMessage('audit.casartifact.deleted.acme', new TextEncoder().encode(text));
  expect(message).toMatchObject({ form: 'single', reading: { ok: true } });
});

const digest = `sha256:${'1'.repeat(64)}`;
const stamp = { id: '01997b3c-8a01-7000-8000-000000000001', source: '//test', time: '2026-01-05T09:00:00.000Z' };
