/** A ledger that a newer version has written to is not written to by this one. */
import { jetstreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/nats-core';
import { type Settings, startConsumer, verifyLedger } from '@waybill/consumer';
import {
  appendLine,
  emptyChain,
  formatBlock,
  formatTrailer,
  NOT_CHECKED,
  SYSTEM_CHAIN,
} from '@waybill/schema/internal';
import { expect, test } from 'vitest';
import { caughtUp } from '../support/check-ledger.ts';
import { type CopiedBlock, copyLedger } from '../support/ledger-builder.ts';
import { logger } from '../support/logger.ts';
import { startNats } from '../support/nats.ts';
import { artifactEvent, makeStreams, publishAll } from '../support/traffic.ts';

async function someLedger(nc: NatsConnection): Promise<Settings> {
  const settings = await makeStreams(nc);
  const orgs = ['org-1', 'org-2', 'org-3'];
  await publishAll(
    nc,
    orgs.map((orgid) => artifactEvent(settings, { orgid, kind: 'upload', bytes: 1 })),
  );
  await using _consumer = await startConsumer({ nc, logger, ...settings });
  await caughtUp(nc, settings);
  return settings;
}

async function expectRefusal(nc: NatsConnection, settings: Settings): Promise<void> {
  const manager = await jetstreamManager(nc);
  const before = (await manager.streams.info(settings.ledgerStream)).state.last_seq;
  await publishAll(nc, [artifactEvent(settings, { orgid: 'org-1', kind: 'upload', bytes: 1 })]);
  await using consumer = await startConsumer({ nc, logger, ...settings });
  await expect(consumer.done).rejects.toMatchObject({ code: 'NEWER_LEDGER' });
  expect((await manager.streams.info(settings.ledgerStream)).state.last_seq).toBe(before);
}

test('a block of version 2', async () => {
  await using server = await startNats();
  const nc = await server.connect();
  const settings = await someLedger(nc);
  const copy = await copyLedger(nc, settings, (blocks) => [
    ...blocks.slice(0, -1),
    { ...(blocks.at(-1) as CopiedBlock), text: newer(blocks.at(-1)?.text ?? '') },
  ]);
  await expectRefusal(nc, copy);
});

function newer(text: string): string {
  const lines = text.split('\n');
  const trailer = lines.at(-2)?.replace('"v":1', '"v":2') ?? '';
  return [...lines.slice(0, -2), trailer, ''].join('\n');
}

test('a record of a kind of tomorrow', async () => {
  await using server = await startNats();
  const nc = await server.connect();
  const settings = await someLedger(nc);
  const chain = emptyChain(SYSTEM_CHAIN);
  const line = appendLine(chain.head, {
    received: '2026-01-01T00:00:00.000Z',
    source: { stream: settings.auditStream, seq: 1, subject: '' },
    origin: null,
    event: '{"kind":"of_tomorrow"}',
    volume: { kind: 'none', bytes: null },
  });
  const copy = await copyLedger(nc, settings, (blocks) => [
    ...blocks.slice(0, -1),
    { orgid: SYSTEM_CHAIN, text: formatBlock([line], formatTrailer(chain, 1, 0)) },
    blocks.at(-1) as CopiedBlock,
  ]);
  await expectRefusal(nc, copy);
  // Who only reads may go on: the record is hashed, and the report says that it is not known.
  const report = await verifyLedger(nc, copy, { waitMs: 0 });
  expect(report.chains.at(-1)).toMatchObject({
    orgid: SYSTEM_CHAIN,
    verdict: 'ok',
    not_checked: [{ what: NOT_CHECKED.kinds, count: 1 }],
  });
});
