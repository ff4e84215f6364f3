import { beforeEach, expect, test } from 'vitest';
import { expectChained } from '../support/expect-chained.ts';
import { needsOwnServer, startNats } from '../support/nats.ts';
import { type Ended, programText, runProgram } from '../support/program.ts';
import { createAudit } from '../support/audit-stream.ts';

/** What a program does that uses a publisher and then has nothing more to do. */

beforeEach(needsOwnServer);

const PRELUDE = `
  import { createPublisher, artifactUploaded } from '@waybill/publisher';
  const event = (n) => artifactUploaded({ orgid: 'acme', digest: 'sha256:' + String(n).padStart(64, '0'), size_bytes: n });
  const source = '//test';
`;

const run = (program: string): Promise<Ended> => runProgram(programText(PRELUDE + program));

test('it exits by itself after close, and everything is stored', async () => {
  await using server = await startNats();
  const nc = await server.connect();
  await createAudit(nc);
  const ended = await run(`
    const audit = createPublisher({ source, servers: '${server.url}' });
    for (let n = 0; n < 1000; n++) audit.emit(event(n));
    console.log(JSON.stringify(await audit.close()));
  `);
  expect(ended).toMatchObject({ code: 0, stdout: '{"acked":1000,"spooled":0,"lost":0}\n' });
  await expectChained(nc, 1_000);
});

test('it exits by itself after close when it never reached a server, or reached one that does not answer', async () => {
  await using server = await startNats();
  await server.stop();
  const never = await run(`
    const audit = createPublisher({ source, servers: '${server.url}', logger: { info() {}, warn() {} } });
    audit.emit(event(1));
    console.log(JSON.stringify(await audit.close({ timeoutMs: 200 })));
  `);
  expect(never).toMatchObject({ code: 0, stderr: '', stdout: '{"acked":0,"spooled":0,"lost":1}\n' });
  await server.restart();
  await server.pause();
  const frozen = await run(`
    const audit = createPublisher({ source, servers: '${server.url}', logger: { info() {}, warn() {} } });
    audit.emit(event(1));
    console.log(JSON.stringify(await audit.close({ timeoutMs: 200 })));
  `);
  await server.resume();
  expect(frozen).toMatchObject({ code: 0, stderr: '', stdout: '{"acked":0,"spooled":0,"lost":1}\n' });
});

test('a disabled publisher says so once, holds nothing open, and exits by itself without close', async () => {
  const { code, stdout, stderr } = await run(`
    const audit = createPublisher({ source: '//x', servers: process.env.NO_SUCH_VARIABLE });
    for (let n = 0; n < 1000; n++) audit.emit(event(n));
    console.log(audit.status().state, audit.stats().dropped.disabled, await audit.flush());
    await audit.confirm(event(1)).catch((error) => console.log(error.code));
    console.log(process.getActiveResourcesInfo().filter((name) => name !== 'PipeWrap').length);
  `);
  expect(stdout.split('\n')).toEqual(['disabled 1000 true', 'DISABLED', '0', '']);
  expect(stderr.split('\n').filter((line) => line !== '')).toEqual([
    'waybill: no servers and no connection are configured: events are dropped; the option servers names a NATS server {}',
  ]);
  expect(code).toBe(0);
});
