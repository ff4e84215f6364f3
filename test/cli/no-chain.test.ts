/** What is said of an organization that has no chain, and when that is an error. */
import { DEFAULT_SETTINGS, deployStreams, startConsumer } from '@waybill/consumer';
import { beforeEach, expect, test } from 'vitest';
import { caughtUp } from '../support/check-ledger.ts';
import { logger } from '../support/logger.ts';
import { needsOwnServer, startNats } from '../support/nats.ts';
import { artifactEvent, publishAll } from '../support/traffic.ts';
import { waybill } from '../support/waybill.ts';

beforeEach(needsOwnServer);

test('usage, head and replay name the nearest organization; with --must-exist it is an error', async () => {
  await using server = await startNats();
  const nc = await server.connect();
  await deployStreams(nc, DEFAULT_SETTINGS);
  await publishAll(nc, [artifactEvent(DEFAULT_SETTINGS, { orgid: 'myorg', kind: 'upload', bytes: 1 })]);
  await using _consumer = await startConsumer({ nc, logger, ...DEFAULT_SETTINGS });
  await caughtUp(nc, DEFAULT_SETTINGS);
  const env = { WAYBILL_NATS_URL: server.url };
  const runs = ['usage', 'head', 'replay'].map(async (command) => {
    const note = await waybill([command, '--org', 'MyOrg'], env);
    expect(note, command).toMatchObject({
      code: 0,
      stderr: expect.stringContaining('waybill: there is no chain of MyOrg; there is one of myorg\n'),
    });
    const strict = await waybill([command, '--org', 'other', '--must-exist'], env);
    expect(strict, command).toMatchObject({ code: 66, stdout: '', stderr: 'waybill: there is no chain of other\n' });
    expect((await waybill([command, '--org', 'myorg', '--must-exist'], env)).code, command).toBe(0);
  });
  await Promise.all(runs);
});
