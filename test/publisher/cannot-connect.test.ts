/** What a publisher says of a server that it cannot reach: which one, and what to do, in words for people. */
import { createPublisher } from '@waybill/publisher';
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { beforeEach, expect, test } from 'vitest';
import { needsOwnServer, startNats } from '../support/nats.ts';
import { until } from '../support/until.ts';
import { SOURCE } from '../support/publishers.ts';
import { memoryLogger } from '../support/logger.ts';

beforeEach(needsOwnServer);

const SPEAKERS: Record<string, (socket: Socket) => void> = {
  'a server of SSH': (socket) => socket.write('SSH-2.0-OpenSSH_9.9\r\n'),
  'one that closes at once': (socket) => socket.end(),
  'one that resets at once': (socket) => socket.resetAndDestroy(),
};

test.each(Object.entries(SPEAKERS))('%s does not speak NATS', async (_, speak) => {
  const server = createServer((socket) => speak(socket.on('error', () => {})));
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as { port: number };
  const logger = memoryLogger();
  await using publisher = createPublisher({ source: SOURCE, servers: `127.0.0.1:${port}`, logger });
  const said = new RegExp(
    `^cannot connect to NATS at 127\\.0\\.0\\.1:${port}: .*what listens there does not speak NATS$`,
  );
  await until('a reason', () => publisher.status().reason?.startsWith('cannot connect'));
  expect(publisher.status().reason).toMatch(said);
  server.close();
});

test('a server that is away and one that refuses the identity are named, without the password', async () => {
  await using server = await startNats({ extraConfig: 'authorization { user: u, password: right }' });
  const { port } = server;
  const logger = memoryLogger();
  const url = `nats://u:wr0ng-secret@127.0.0.1:${port}`;
  await using refused = createPublisher({ source: SOURCE, servers: [url, url], logger });
  await until('a refusal', () => refused.status().reason?.includes('the server refuses this identity'));
  expect(refused.status().reason).toContain(`cannot connect to NATS at 127.0.0.1:${port}`);
  await server.stop();
  await until('nobody', () => refused.status().reason?.includes('nobody listens there'));
  expect(JSON.stringify([logger.lines, refused.status()])).not.toContain('wr0ng-secret');
});

test('a connection that is lost is named, too', async () => {
  await using server = await startNats();
  await using publisher = createPublisher({ source: SOURCE, servers: server.url, logger: memoryLogger() });
  await until('the connection', () => publisher.status().state === 'connected');
  await server.stop();
  await until('its end', () => publisher.status().state === 'degraded');
  expect(publisher.status().reason).toBe(`disconnected from NATS at 127.0.0.1:${server.port}, reconnecting`);
});
