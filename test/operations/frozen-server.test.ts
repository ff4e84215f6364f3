/** A server that is frozen keeps its sockets open and answers nothing. Nothing may wait for it for ever. */
import { DEFAULT_SETTINGS } from '@waybill/consumer';
import { beforeEach, expect, test } from 'vitest';
import { caughtUp } from '../support/check-ledger.ts';
import { needsOwnServer, startNats } from '../support/nats.ts';
import { artifactEvent, publishAll } from '../support/traffic.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';
import { until } from '../support/until.ts';
import { serve, waybill } from '../support/waybill.ts';

beforeEach(needsOwnServer);

test('a command ends with an error when the server is frozen', async () => {
  await using server = await startNats();
  await server.pause();
  const ended = await waybill(['head', '--all'], { WAYBILL_NATS_URL: server.url });
  expect(ended).toMatchObject({ code: 69, stderr: expect.stringContaining('no answer in time') });
});

test('a command ends with an error when the server is frozen after it has connected', async () => {
  await using server = await startNats();
  expect((await waybill(['deploy'], { WAYBILL_NATS_URL: server.url })).code).toBe(0);
  await using proxy = await startTcpProxy({
    target: () => server.port,
    onOpening: (link) => void (link.opening.includes('$JS.API.STREAM.INFO') && link.hold()),
  });
  const ended = await waybill(['head', '--all'], { WAYBILL_NATS_URL: proxy.url });
  expect(ended).toMatchObject({ code: 69, stderr: expect.stringContaining('the server did not answer in time') });
});

test('serve that waits for a frozen server ends when it is asked to', async () => {
  await using server = await startNats();
  await server.pause();
  await using serving = serve({ WAYBILL_NATS_URL: server.url });
  await until('it to try again', () => serving.log.includes('trying again'));
  expect(await serving.terminate()).toBe(0);
});

test('replay that follows a chain ends when it is asked to, on a frozen server', async () => {
  await using server = await startNats();
  const nc = await server.connect();
  await using serving = serve({ WAYBILL_NATS_URL: server.url });
  await until('the writer to begin', () => serving.log.includes('"msg":"writing"'));
  await publishAll(nc, [artifactEvent(DEFAULT_SETTINGS, { orgid: 'acme', kind: 'upload', bytes: 1 })]);
  await caughtUp(nc, DEFAULT_SETTINGS);
  await using following = serve({ WAYBILL_NATS_URL: server.url }, ['replay', '--org', 'acme', '--follow']);
  await until('the first entry', () => following.log.includes('"core"'));
  await server.pause();
  expect(await following.terminate()).toBe(0);
});

test.for(['at once', 'when it is connecting again'] as const)(
  'serve ends when it is asked to, with a commit on its way to a frozen server, %s',
  async (when) => {
    await using server = await startNats();
    const nc = await server.connect();
    await using serving = serve({ WAYBILL_NATS_URL: server.url, WAYBILL_HTTP_PORT: '0' });
    await until('the writer to begin', () => serving.log.includes('"msg":"writing"'));
    // In the middle of traffic, so that commits are on their way.
    const event = () => artifactEvent(DEFAULT_SETTINGS, { orgid: 'acme', kind: 'upload', bytes: 1 });
    const traffic = setInterval(() => {
      for (let i = 0; i < 200; i++) nc.publish(event().subject, event().payload);
    }, 5);
    await until('commits', async () => ((await serving.status())?.commits ?? 0) > 2);
    await server.pause();
    clearInterval(traffic);
    if (when !== 'at once') await until('it to notice', () => serving.log.includes('disconnected from NATS'));
    expect(await serving.terminate()).toBe(0);
  },
);
