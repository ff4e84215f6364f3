import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { connect as dial } from '@nats-io/transport-node';
import { beforeEach, expect, inject, test } from 'vitest';
import { isNewEnough } from '../../scripts/nats-server/version.ts';
import { needsOwnServer, startNats } from './nats.ts';
import { programText, runProgram, startProgram } from './program.ts';
import { WAIT_MS } from './time.ts';
import { until } from './until.ts';

beforeEach(needsOwnServer);

const SERVER = new URL('../../scripts/nats-server/server.ts', import.meta.url).href;

test('a server of its own, on a port that the kernel chose, new enough', async () => {
  await using one = await startNats();
  await using two = await startNats();
  expect(one.port).not.toBe(two.port);
  expect(isNewEnough(one.version)).toBe(true);
  const connection = await one.connect();
  expect(connection.info?.version).toBe(one.version);
  expect(connection.info?.jetstream).toBe(true);
});

test.for(['kill9', 'stop'] as const)(
  '%s, then restart: the same port, and what was acknowledged is there',
  async (end) => {
    await using server = await startNats({ syncAlways: true });
    const connection = await server.connect();
    const manager = await jetstreamManager(connection);
    await manager.streams.add({ name: 'KEPT', subjects: ['kept'] });
    await jetstream(connection).publish('kept', 'x');
    await server[end]();
    await expect(server.connect({ reconnect: false, timeout: WAIT_MS })).rejects.toThrow(/refused/);
    await server.restart();
    const fresh = await server.connect();
    expect(fresh.getServer()).toContain(String(server.port));
    const { state } = await (await jetstreamManager(fresh)).streams.info('KEPT');
    expect(state.messages).toBe(1);
  },
);

test('a paused server keeps its sockets and answers nobody until it is resumed', async () => {
  await using server = await startNats();
  const connection = await server.connect();
  await server.pause();
  const answer = connection.rtt();
  const first = await Promise.race([answer.then(() => 'answered'), new Promise((r) => setTimeout(r, 200, 'silent'))]);
  expect(first).toBe('silent');
  await server.resume();
  await expect(answer).resolves.toBeGreaterThan(100);
});

test('a store folder of the caller outlives the server, a temporary one does not', async () => {
  const kept = await mkdtemp(join(tmpdir(), 'waybill-store-'));
  let temporary = '';
  {
    await using mine = await startNats({ storeDir: kept });
    await using theirs = await startNats();
    temporary = theirs.storeDir;
    expect(mine.storeDir).toBe(kept);
    expect(existsSync(temporary)).toBe(true);
  }
  expect(existsSync(join(kept, 'jetstream'))).toBe(true);
  expect(existsSync(temporary)).toBe(false);
  await rm(kept, { recursive: true });
});

test('a configuration that the server refuses is an error with what the server said', async () => {
  await expect(startNats({ extraConfig: 'no_such_setting: 1' })).rejects.toThrow(/unknown field "no_such_setting"/);
});

test('a plain script that has nothing else to wait for gets to its end', async () => {
  const script = `
    import { startNatsServer } from ${JSON.stringify(SERVER)};
    {
      await using server = await startNatsServer({ source: ${JSON.stringify(inject('natsServer'))} });
      await server.kill9();
      await server.restart();
      await server.restart();
    }
    console.log('stopped');
  `;
  expect(await runProgram(programText(script))).toMatchObject({ code: 0, stdout: 'stopped\n' });
});

test('nothing stays behind when the process that started a server is killed with SIGKILL', async (context) => {
  if (inject('natsServer').kind === 'image') context.skip("in Docker this is testcontainers' reaper's work");
  await using owner = startProgram(
    programText(`
      import { startNatsServer } from ${JSON.stringify(SERVER)};
      const server = await startNatsServer({ source: ${JSON.stringify(inject('natsServer'))} });
      console.log(JSON.stringify({ port: server.port, storeDir: server.storeDir }));
      setInterval(() => {}, 1000);
    `),
  );
  const line = await until('the server', () => /^(.*)\n/.exec(owner.stdout)?.[1]);
  const { port, storeDir } = JSON.parse(line) as { port: number; storeDir: string };
  expect(existsSync(storeDir)).toBe(true);
  owner.signal('SIGKILL');
  // Asked by its port: where nobody reaps orphans, as in many containers, a killed process keeps its number.
  const dialled = () => dial({ servers: `127.0.0.1:${port}`, reconnect: false }).then((nc) => nc.close(), String);
  await expect.poll(dialled).toMatch(/refused/);
  await expect.poll(() => existsSync(storeDir)).toBe(false);
});
