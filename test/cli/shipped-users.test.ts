/** What each user of the shipped configuration may ask. */
import { DEFAULT_SETTINGS } from '@waybill/consumer';
import { beforeEach, expect, test } from 'vitest';
import { caughtUp } from '../support/check-ledger.ts';
import { needsOwnServer, startNats } from '../support/nats.ts';
import { artifactEvent, publishAll } from '../support/traffic.ts';
import { serve, waybill, waybillProcess } from '../support/waybill.ts';

beforeEach(needsOwnServer);

test('the auditor may ask everything, the producer nothing, and a wrong password is refused', async () => {
  await using server = await startNats({ config: 'shipped' });
  const as = (
    user: 'admin' | 'service' | 'auditor' | 'producer',
    pass = server.users?.[user].pass ?? '',
  ): Record<string, string> => ({
    WAYBILL_NATS_URL: server.url,
    WAYBILL_NATS_USER: user,
    WAYBILL_NATS_PASSWORD: pass,
  });
  expect((await waybill(['deploy'], as('admin'))).code).toBe(0);
  await using serving = serve(as('service'));
  const producer = await server.connect({ as: 'producer' });
  await publishAll(producer, [artifactEvent(DEFAULT_SETTINGS, { orgid: 'acme', kind: 'upload', bytes: 7 })]);
  await caughtUp(await server.connect({ as: 'admin' }), DEFAULT_SETTINGS);

  for (const args of [
    ['usage', '--all'],
    ['usage', '--org', 'acme', '--from', '2026-01-01'],
    ['verify', '--all'],
    ['verify', '--org', 'acme'],
    ['head', '--all'],
    ['deploy', '--check'],
  ]) {
    expect(await waybill(args, as('auditor')), `waybill ${args.join(' ')}`).toMatchObject({ code: 0 });
  }
  const replayed = await waybill(['replay', '--org', 'acme'], as('auditor'));
  expect(await waybillProcess(['verify', '--file', '-'], {}, replayed.stdout)).toMatchObject({ code: 0 });
  for (const args of [
    ['usage', '--org', 'acme'],
    ['verify', '--all'],
    ['replay', '--org', 'acme'],
    ['head', '--all'],
    ['deploy'],
  ]) {
    const refused = await waybill(args, as('producer'));
    expect(refused, `waybill ${args.join(' ')}`).toMatchObject({
      code: 77,
      stderr: expect.stringContaining('may not publish $JS.API.'),
    });
  }
  const wrong = await waybill(['head', '--all'], as('auditor', 'wrong-password'));
  expect(wrong).toMatchObject({ code: 69, stderr: expect.stringContaining('the server refuses this identity') });
  expect(wrong.stderr).not.toContain('wrong-password');
  expect(await serving.terminate()).toBe(0);
});
