/**
 * `nats://user:password@host` and `nats://token@host` are enough, for every program and every user as they are shipped.
 */
import { createPublisher } from '@waybill/publisher';
import { beforeEach, expect, test } from 'vitest';
import type { UserName } from '../../scripts/nats-server/config.ts';
import { SOURCE, upload } from '../support/publishers.ts';
import { memoryLogger } from '../support/logger.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { needsOwnServer, startNats } from '../support/nats.ts';
import { runProgram } from '../support/program.ts';
import { WAYBILL_SPOOL } from '../support/repository.ts';
import { PATIENT } from '../support/time.ts';
import { until } from '../support/until.ts';
import { serve, waybill } from '../support/waybill.ts';

beforeEach(needsOwnServer);

test('the shipped configuration: deploy, serve, emit, drain and ask with a URL and nothing else', async () => {
  await using server = await startNats({ config: 'shipped' });
  const urlOf = (user: UserName) => server.url.replace('//', `//${user}:${server.users?.[user].pass}@`);
  expect(await waybill(['deploy'], { WAYBILL_NATS_URL: urlOf('admin') })).toMatchObject({ code: 0, stderr: '' });
  await using serving = serve({ WAYBILL_NATS_URL: urlOf('service'), WAYBILL_HTTP_PORT: '0' });
  await until('the writer', async () => (await serving.status())?.role === 'writer');

  using spool = temporaryDirectory();
  const offline = { source: SOURCE, servers: 'nats://127.0.0.1:1', spoolDir: spool.path, logger: memoryLogger() };
  const dead = createPublisher(offline);
  dead.emit(upload(1, 'acme'));
  await dead.close({ timeoutMs: 10 });
  expect(
    await runProgram([WAYBILL_SPOOL, 'drain', spool.path], { env: { WAYBILL_NATS_URL: urlOf('producer') } }),
  ).toMatchObject({
    code: 0,
    stderr: '',
    stdout: '2 of 2 events delivered, 0 dropped, 0 damaged, 0 torn\n',
  });

  await using publisher = createPublisher({ source: SOURCE, servers: urlOf('producer'), logger: memoryLogger() });
  expect(await publisher.confirm(upload(2, 'acme'), PATIENT)).toMatchObject({ seq: 3 });
  await until('all chained', async () => (await serving.status())?.watermark === 3);
  const auditor = { WAYBILL_NATS_URL: urlOf('auditor') };
  expect(await waybill(['usage', '--org', 'acme', '--json'], auditor)).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('"events":"3","uploads":{"count":"2"'),
  });
  expect(await waybill(['verify', '--all'], auditor)).toMatchObject({ code: 0, stdout: expect.stringMatching(/^ok/) });
});

const PASSWORD = 'p@ss/w%rd#1?:é';

test.for([
  [
    'user and password',
    `users: [{ user: emil, password: ${JSON.stringify(PASSWORD)} }]`,
    `emil:${encodeURIComponent(PASSWORD)}`,
  ],
  ['a token', `token: ${JSON.stringify(PASSWORD)}`, encodeURIComponent(PASSWORD)],
] as const)('%s, with every character that means something in a URL', async ([, authorization, identity]) => {
  await using server = await startNats({ extraConfig: `authorization { ${authorization} }` });
  const url = server.url.replace('//', `//${identity}@`);
  expect(await waybill(['deploy'], { WAYBILL_NATS_URL: url })).toMatchObject({ code: 0, stderr: '' });
  await using publisher = createPublisher({ source: SOURCE, servers: url, logger: memoryLogger() });
  expect(await publisher.confirm(upload(1), PATIENT)).toMatchObject({ stream: 'AUDIT', seq: 1 });
});

test('tls:// is never in the clear: a server without TLS is refused', async () => {
  await using server = await startNats();
  const logger = memoryLogger();
  const publisher = createPublisher({ source: SOURCE, servers: server.url.replace('nats:', 'tls:'), logger });
  publisher.emit(upload(1));
  await until('the reason', () => publisher.status().reason?.includes('tls'));
  expect(publisher.stats().acked).toBe(0);
  await publisher.close({ timeoutMs: 1 });
});
