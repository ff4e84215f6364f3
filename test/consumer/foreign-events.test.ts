/** What other publishers send, and what nobody is billed for: counted in the ledger, with a real server. */
import { startConsumer, usage, usageOfAll } from '@waybill/consumer';
import { createPublisher } from '@waybill/publisher';
import { dispatcher } from '@waybill/publisher/instrument';
import { artifactDownloaded, artifactUploaded } from '@waybill/schema';
import { SYSTEM_CHAIN } from '@waybill/schema/internal';
import { randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import { caughtUp, checkLedger } from '../support/check-ledger.ts';
import { logger } from '../support/logger.ts';
import { startNats } from '../support/nats.ts';
import { PATIENT } from '../support/time.ts';
import { chainloopEvent, digestOf, makeStreams, publishAll } from '../support/traffic.ts';

const digest = digestOf('hello');

test('any CloudEvent is chained as it was sent', async () => {
  await using server = await startNats();
  const nc = await server.connect();
  const settings = await makeStreams(nc);
  await using consumer = await startConsumer({ nc, logger, ...settings });
  const foreign = [
    { id: randomUUID(), time: '2026-01-05T09:00:00.123456789+01:00', subject: null, data: 'approved' },
    { id: 'A-1', data_base64: 'AQID', datacontenttype: 'application/octet-stream', producer: 7, signature: 'x' },
    { id: 'A-2', count: 5, data: { digest, size_bytes: 5 } },
  ].map((more) => ({
    specversion: '1.0',
    source: 'urn:x',
    type: 'com.Example.Release.Approved',
    orgid: 'acme',
    ...more,
  }));
  await publishAll(
    nc,
    foreign.map((event) => ({
      subject: `${settings.auditPrefix}.release.approved.acme`,
      payload: JSON.stringify(event, null, 2),
      id: event.id,
    })),
  );
  await caughtUp(nc, settings);
  expect(consumer.status()).toMatchObject({ rejected: 0, lastError: null });
  const ledger = await checkLedger(nc, settings);
  expect(ledger.entries('acme').map(({ event }) => event)).toEqual(foreign);
  expect(ledger.totals.get('acme')).toMatchObject({ events: '3', uploads: { count: '0' } });
});

test('events without an organization are kept, with what was claimed, and are on no bill and no alarm', async () => {
  await using server = await startNats();
  const nc = await server.connect();
  const settings = await makeStreams(nc);
  await using consumer = await startConsumer({ nc, logger, ...settings });
  await using audit = createPublisher({
    source: '//cas.example/artifact-cas',
    servers: server.url,
    subjectPrefix: settings.auditPrefix,
    logger: { info: () => {}, warn: () => {} },
  });
  const { dispatch } = dispatcher(audit);
  dispatch({ org_id: 'Acme, Inc.' }, artifactUploaded, { digest, size_bytes: 5 });
  dispatch({ org_id: 'acme' }, artifactUploaded, { digest, size_bytes: 7 });
  dispatch(null, artifactUploaded, { digest, skipped: true });
  expect(await audit.flush(PATIENT)).toBe(true);
  expect(audit.stats()).toMatchObject({ emitted: 3, acked: 3 });
  // As Chainloop sends them: nobody is in an organization before the login.
  const login = { TargetType: 'User', ActionType: 'UserLoggedIn', OrgID: null, Info: null };
  await publishAll(nc, [chainloopEvent(settings, login), chainloopEvent(settings, { ...login, OrgID: '' } as never)]);
  await caughtUp(nc, settings);

  expect(consumer.status()).toMatchObject({ rejected: 0, duplicates: 0, lastError: null });
  const ledger = await checkLedger(nc, settings);
  const unattributed = ledger.entries('_unattributed');
  expect(unattributed.map(({ event }) => event?.['claimedorg'])).toEqual(['Acme, Inc.', '', undefined, undefined]);
  expect(unattributed.map(({ core }) => core.volume.kind)).toEqual(['none', 'none', 'none', 'none']);
  expect(ledger.entries(SYSTEM_CHAIN).filter(({ event }) => event?.['kind'] === 'rejected')).toEqual([]);
  const bills = await usageOfAll(nc, settings);
  expect(bills.organizations.map(({ orgid }) => orgid)).toEqual(['acme']);
  expect(bills.sum).toMatchObject({ events: '1', uploads: { count: '1', bytes: '7' } });
  await expect(usage(nc, settings, { orgid: '_unattributed' })).rejects.toMatchObject({ code: 'BAD_ARGUMENT' });
});

test('a failed transfer costs what was moved, and teaches nobody the size', async () => {
  await using server = await startNats();
  const nc = await server.connect();
  const settings = await makeStreams(nc);
  await using _consumer = await startConsumer({ nc, logger, ...settings });
  await using audit = createPublisher({
    source: '//cas.example/artifact-cas',
    servers: server.url,
    subjectPrefix: settings.auditPrefix,
    logger: { info: () => {}, warn: () => {} },
  });
  const about = { orgid: 'acme', digest };
  audit.emit(artifactUploaded({ ...about, size_bytes: 100, outcome: 'failure' }));
  audit.emit(artifactUploaded({ ...about, size_bytes: 100, outcome: 'failure', transferred_bytes: 40 }));
  audit.emit(artifactUploaded({ ...about, skipped: true }));
  audit.emit(artifactDownloaded({ ...about, size_bytes: 100, outcome: 'failure', transferred_bytes: 99 }));
  audit.emit(artifactUploaded({ ...about, size_bytes: 100, outcome: 'success' }));
  audit.emit(artifactUploaded({ ...about, skipped: true }));
  expect(await audit.flush(PATIENT)).toBe(true);
  await caughtUp(nc, settings);
  const ledger = await checkLedger(nc, settings);
  expect(ledger.totals.get('acme')).toEqual({
    events: '6',
    uploads: { count: '2', bytes: '140', unknown: '0' },
    downloads: { count: '1', bytes: '99', unknown: '0' },
    deduplicated: { count: '2', bytes: '100', unknown: '1' },
  });
});
