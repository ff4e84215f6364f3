import { startConsumer } from '@waybill/consumer';
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { caughtUp, checkLedger } from '../support/check-ledger.ts';
import { logger } from '../support/logger.ts';
import { startNats } from '../support/nats.ts';
import { chainloopEvent, makeStreams, type MadeEvent, publishAll } from '../support/traffic.ts';

const VECTORS = fileURLToPath(new URL('../../../shared/vectors/chainloop', import.meta.url));
const ORG = '1089bb36-e27b-428b-8009-d015c8737c54';

interface ChainloopData {
  ActionType: string;
  TargetType: string;
  OrgID: string;
}

test('real Chainloop events, as Chainloop publishes them', async ({ skip }) => {
  if (!existsSync(VECTORS)) skip(`the vectors are not at hand: ${VECTORS}`);
  await using server = await startNats();
  const nc = await server.connect();
  const settings = await makeStreams(nc);
  const vectors = new Map<string, MadeEvent>();
  for (const file of await readdir(VECTORS)) {
    const data = JSON.parse(await readFile(join(VECTORS, file), 'utf8')) as ChainloopData;
    expect(data.OrgID).toBe(ORG);
    vectors.set(file.replace('.json', ''), chainloopEvent(settings, data));
  }
  const send = (...names: string[]) =>
    publishAll(
      nc,
      names.map((name) => ({ ...(vectors.get(name) as MadeEvent), id: crypto.randomUUID() })),
    );

  await using consumer = await startConsumer({ nc, logger, ...settings });
  await send('casartifact_upload_skipped_unknown_size');
  await send('casartifact_uploaded', 'casartifact_upload_skipped', 'casartifact_upload_skipped_unknown_size');
  // Two real downloads of one artifact look the same, down to Chainloop's `Digest`.
  await send('casartifact_downloaded', 'casartifact_downloaded', 'user_logs_in');
  await caughtUp(nc, settings);

  expect(consumer.status()).toMatchObject({ rejected: 0, duplicates: 0 });
  const ledger = await checkLedger(nc, settings);
  expect(ledger.totals.get(ORG)).toEqual({
    events: '7',
    uploads: { count: '1', bytes: '1024', unknown: '0' },
    downloads: { count: '2', bytes: '2048', unknown: '0' },
    // The first one came before the upload: its size was not known. The last one took it from the upload.
    deduplicated: { count: '3', bytes: '2048', unknown: '1' },
  });
  expect(ledger.entries(ORG).map(({ core }) => core.volume)).toEqual([
    { kind: 'deduplicated', bytes: null },
    { kind: 'upload', bytes: '1024' },
    { kind: 'deduplicated', bytes: '1024' },
    { kind: 'deduplicated', bytes: '1024', from: 2 },
    { kind: 'download', bytes: '1024' },
    { kind: 'download', bytes: '1024' },
    { kind: 'none', bytes: null },
  ]);
});
