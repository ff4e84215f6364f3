import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { beforeEach, expect, test } from 'vitest';
import { needsOwnServer, startNats } from '../support/nats.ts';
import { programText, startProgram } from '../support/program.ts';
import { countStored, createAudit } from '../support/audit-stream.ts';

/** What `handleSignals` does in a service that shuts down by itself: it closes when that is done, and not before. */

beforeEach(needsOwnServer);

const PRELUDE = `
  import { createPublisher, artifactUploaded } from '@waybill/publisher';
  import { setTimeout as pause } from 'node:timers/promises';
  const options = JSON.parse(process.env.OPTIONS);
  const open = () => createPublisher({ source: '//test', logger: { info() {}, warn() {} }, handleSignals: true, ...options });
  const emit = (audit) => audit.emit(artifactUploaded({ orgid: 'acme', digest: 'sha256:' + '0'.repeat(64) }));
  const say = (line) => console.log(line);
`;

/** Runs the program until it says `ready`, sends the signal, and waits for its end. */
async function end(program: string, options: object, signal: NodeJS.Signals = 'SIGTERM') {
  const { child, ended } = startProgram(programText(PRELUDE + program), { env: { OPTIONS: JSON.stringify(options) } });
  const lines: string[] = [];
  for await (const line of createInterface(child.stdout as Readable)) {
    if (line === 'ready') child.kill(signal);
    else if (line === 'enough') child.kill('SIGKILL');
    else lines.push(line);
  }
  const { code, signal: by } = await ended;
  return { lines, exit: [code, by] };
}

// A server that holds the process, as in a service; its shutdown takes a while and emits to its end.
const SERVICE = `
  const busy = setInterval(() => {}, 1_000);
  const audit = open();
  async function stop() {
    for (let n = 0; n < 5; n++) {
      await pause(100);
      emit(audit);
    }
    clearInterval(busy);
    say('host done, publisher ' + audit.status().state);
  }
  process.on('exit', () => say('exit, publisher ' + audit.status().state + ', ' + audit.stats().acked + ' acked'));
`;

test.for(['on', 'once', 'prependListener', 'prependOnceListener'])(
  "after the host's own listener (%s) is done, with what that emitted, and the process ends by itself",
  async (how) => {
    await using server = await startNats();
    const nc = await server.connect();
    await createAudit(nc);
    const program = `${SERVICE} process.${how}('SIGTERM', stop); await audit.flush(); say('ready');`;
    // Far longer than the test may take: it must not be waited for.
    const { lines, exit } = await end(program, { servers: server.url, closeTimeoutMs: 600_000 });
    expect(lines).toEqual(['host done, publisher connected', 'exit, publisher closed, 5 acked']);
    expect(exit).toEqual([0, null]);
    expect(await countStored(nc)).toBe(5);
  },
);

test('the same without a limit, and with a server that is not there', async () => {
  await using server = await startNats();
  const nc = await server.connect();
  await createAudit(nc);
  const program = `${SERVICE} process.on('SIGTERM', stop); await audit.flush(); say('ready');`;
  // JSON has no Infinity.
  const unlimited = program.replace('open()', '(options.closeTimeoutMs = Infinity, open())');
  expect((await end(unlimited, { servers: server.url })).lines.at(-1)).toBe('exit, publisher closed, 5 acked');
  await server.stop();
  const { lines, exit } = await end(program, { servers: server.url, closeTimeoutMs: 2_000 });
  expect(lines).toEqual(['host done, publisher connecting', 'exit, publisher closed, 0 acked']);
  expect(exit).toEqual([0, null]);
});

test('a host that is not done in time: it closes within its time-out, and leaves the process to the host', async () => {
  await using server = await startNats();
  await createAudit(await server.connect());
  const program = `
    const audit = open();
    await audit.flush();
    let asked = 0;
    process.on('SIGTERM', () => (asked = performance.now()));
    const working = setInterval(() => {
      if (audit.status().state !== 'closed') return emit(audit);
      clearInterval(working);
      // The host goes on after its publisher is closed.
      setInterval(() => {}, 1_000);
      say('closed within the time-out: ' + (performance.now() - asked < 60_000));
      say('enough');
    }, 10);
    say('ready');
  `;
  const { lines, exit } = await end(program, { servers: server.url, closeTimeoutMs: 500 });
  expect(lines).toEqual(['closed within the time-out: true']);
  expect(exit).toEqual([null, 'SIGKILL']);
});

test('without a listener of the host the signal ends the process, when every publisher is closed', async () => {
  await using server = await startNats();
  const nc = await server.connect();
  await createAudit(nc);
  const program = `
    const audits = [open(), open(), open()];
    setInterval(() => {}, 1_000);
    for (const audit of audits) for (let n = 0; n < 100; n++) emit(audit);
    say('ready');
  `;
  expect((await end(program, { servers: server.url }, 'SIGINT')).exit).toEqual([null, 'SIGINT']);
  expect(await countStored(nc)).toBe(300);
});

test('a host that closes the publisher itself is left alone', async () => {
  await using server = await startNats();
  const nc = await server.connect();
  await createAudit(nc);
  const program = `${SERVICE}
    process.on('SIGTERM', async () => {
      await stop();
      say(JSON.stringify(await audit.close()));
      say(process.listenerCount('SIGTERM') + process.listenerCount('beforeExit'));
    });
    await audit.flush();
    say('ready');
  `;
  const { lines, exit } = await end(program, { servers: server.url, closeTimeoutMs: 600_000 });
  expect(lines.slice(2)).toEqual(['1', 'exit, publisher closed, 5 acked']);
  expect(exit).toEqual([0, null]);
});
