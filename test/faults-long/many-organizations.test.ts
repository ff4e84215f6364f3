import { startConsumer } from '@waybill/consumer';
import { beforeEach, expect, test } from 'vitest';
import { logger } from '../support/logger.ts';
import { needsOwnServer, startNats } from '../support/nats.ts';
import { artifactEvent, makeStreams, publishAll } from '../support/traffic.ts';
import { TEST_MS, WAIT_MS } from '../support/time.ts';
import { until } from '../support/until.ts';
import { environmentOf, waybill } from '../support/waybill.ts';

beforeEach(needsOwnServer);

/**
 * More than arguments fit on the stack, than one answer of `multi_last` has, and than one page of a stream's subjects.
 */
const ORGANIZATIONS = 131_000;

/** The promise: every command that reads works with any number of organizations. */
test(`${ORGANIZATIONS} organizations are verified, billed and listed`, { timeout: 6 * TEST_MS }, async () => {
  await using server = await startNats();
  const nc = await server.connect();
  const settings = await makeStreams(nc);
  function* events() {
    for (let i = 1; i <= ORGANIZATIONS; i++)
      yield artifactEvent(settings, { orgid: `org-${i}`, kind: 'upload', bytes: i });
  }
  await publishAll(nc, events());
  await using consumer = await startConsumer({ nc, logger, ...settings });
  await until('all to be chained', () => consumer.status().watermark === ORGANIZATIONS, 5 * WAIT_MS);
  await consumer.close();

  const env = environmentOf(server.url, settings);
  const verified = await waybill(['verify', '--all'], env);
  expect({ code: verified.code, stderr: verified.stderr }).toEqual({ code: 0, stderr: '' });
  expect(verified.stdout.trimEnd().split('\n').at(-1)).toBe('verdict: ok');
  const heads = await waybill(['head', '--all'], env);
  expect({ code: heads.code, lines: heads.stdout.split('\n').length - 2 }).toEqual({ code: 0, lines: ORGANIZATIONS });
  const to = new Date().toISOString();
  for (const window of [[], ['--to', to]]) {
    const { code, stdout } = await waybill(['usage', '--all', '--format', 'csv', ...window], env);
    expect({ code, lines: stdout.split('\n').length - 2 }).toEqual({ code: 0, lines: ORGANIZATIONS });
  }
  const table = await waybill(['usage', '--all'], env);
  expect({ code: table.code, lines: table.stdout.split('\n').length - 4 }).toEqual({ code: 0, lines: ORGANIZATIONS });
});
