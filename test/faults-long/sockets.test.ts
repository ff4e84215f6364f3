import { connect } from '@nats-io/transport-node';
import { startConsumer } from '@waybill/consumer';
import { beforeEach, expect, test } from 'vitest';
import { billedLoad } from '../support/billed-load.ts';
import { needsOwnServer, startNats } from '../support/nats.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';
import { makeStreams } from '../support/traffic.ts';
import { until } from '../support/until.ts';

/**
 * The consumer's connection breaks, or loses what the server sends, with messages on their way. The promise: it notices
 * by itself, also when nothing newer ever comes, and chains every event once.
 */

beforeEach(needsOwnServer);

test.for(['sever', 'swallow', 'hold'] as const)('%s the consumer’s connection with unread messages', async (how) => {
  await using server = await startNats();
  const nc = await server.connect();
  const settings = await makeStreams(nc);
  await using proxy = await startTcpProxy({ target: () => server.port });
  const behind = await connect({
    servers: proxy.url,
    maxReconnectAttempts: -1,
    reconnectTimeWait: 50,
    // The client itself notices nothing: it is the consumer's time-outs that have to.
    pingInterval: 600_000,
    ignoreClusterUpdates: true,
  });
  try {
    const noticed: string[] = [];
    const note = (fields: { reason?: string; err?: Error }, message: string) => {
      if (/new consumer|session ended/.test(message)) noticed.push(fields.reason ?? fields.err?.message ?? message);
    };
    const logger = { debug: () => undefined, info: note, warn: note, error: note };
    await using consumer = await startConsumer({ nc: behind, logger, ...settings, ackTimeoutMs: 2_000 });
    await using load = billedLoad({ url: server.url, settings });
    for (let round = 0; round < 5; round++) {
      const { commits } = consumer.status();
      const before = noticed.length;
      const { delivered } = proxy;
      load.emit(3_000);
      await until(
        'messages on their way',
        () => consumer.status().commits > commits || proxy.delivered > delivered + 65_536,
      );
      proxy[how]();
      // Its tail is what a reader without a watchdog would never see: nothing newer follows.
      load.emit(100);
      await load.publisher.flush();
      if (how !== 'sever') {
        await until('the consumer to notice', () => noticed.length > before);
        proxy.release();
      }
      await until('all to be chained', () => consumer.status().watermark >= load.made);
    }
    await load.finish();
    await load.expectExactLedger(nc);
    console.log(
      `${how}, 5 times: ${load.made} emitted, each chained once; noticed as: ${[...new Set(noticed)].join('; ')}`,
    );
    expect(consumer.status().role).toBe('writer');
  } finally {
    await behind.close();
  }
});
