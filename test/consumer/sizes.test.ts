/** The sizes of earlier uploads: read back from the ledger, and kept by how often they are asked. */
import { jetstreamManager } from '@nats-io/jetstream';
import { type Settings, startConsumer } from '@waybill/consumer';
import { createSizeMemory, type Head, headOf, parseEntry, type SizeMemory, transferOf } from '@waybill/schema/internal';
import { expect, test } from 'vitest';
import { readMention } from '../../packages/consumer/src/writer/transfer-mention.ts';
import { createSizeLoader } from '../../packages/consumer/src/writer/size-loader.ts';
import { type CheckedLedger, caughtUp, checkLedger } from '../support/check-ledger.ts';
import { logger } from '../support/logger.ts';
import { startNats, type TestNats } from '../support/nats.ts';
import { artifactEvent, chainloopEvent, digestOf, makeStreams, publishAll } from '../support/traffic.ts';

const ORGS = Array.from({ length: 17 }, (_, i) => `org-${i}`);
const DIGESTS = 60;

/** 60 uploads in each of 17 organizations. */
async function manyUploads(server: TestNats): Promise<{ settings: Settings; ledger: CheckedLedger }> {
  const nc = await server.connect();
  const settings = await makeStreams(nc);
  await publishAll(
    nc,
    ORGS.flatMap((orgid) =>
      Array.from({ length: DIGESTS }, (_, i) =>
        artifactEvent(settings, { orgid, kind: 'upload', bytes: i, digest: digestOf(`${orgid} ${i}`) }),
      ),
    ),
  );
  await using consumer = await startConsumer({ nc, logger, ...settings });
  await caughtUp(nc, settings);
  await consumer.close();
  return { settings, ledger: await checkLedger(nc, settings) };
}

test('a few more organizations than there is room for, asking in turn, are not all read back each time', async () => {
  await using server = await startNats();
  const { settings, ledger } = await manyUploads(server);
  const nc = await server.connect();
  const jsm = await jetstreamManager(nc, { checkAPI: false });
  const signal = new AbortController().signal;
  // Room for 16 of 17, as a million has for 60,000 digests of each.
  const sizes = createSizeLoader({ nc, jsm, settings, signal, maxDigests: 16 * DIGESTS });
  const heads = new Map<string, Head>(
    ORGS.map((orgid) => [orgid, headOf(ledger.entries(orgid).at(-1) as ReturnType<typeof parseEntry>)]),
  );
  const ask = async (orgid: string, i: number): Promise<void> => {
    if (!sizes.memories.need(orgid)) await sizes.load(heads.get(orgid) as Head);
    const memory = sizes.memories.need(orgid) as SizeMemory;
    const transfer = { kind: 'deduplicated', digest: digestOf(`${orgid} ${i}`), bytes: null } as const;
    expect(memory.resolve(DIGESTS + 1, transfer)).toEqual({ kind: 'deduplicated', bytes: String(i), from: i + 1 });
    sizes.trim();
  };
  const ROUNDS = 20;
  for (let round = 0; round < ROUNDS; round++) for (const orgid of ORGS) await ask(orgid, round);
  console.log(
    `${ROUNDS * ORGS.length} questions of ${ORGS.length} organizations, room for 16: read back ${sizes.loads} times`,
  );
  // By the order of loading, and by that of asking, it is each time.
  expect(sizes.loads).toBeLessThan(ORGS.length + 4 * ROUNDS);
});

test('memory stays bounded while many ask in one go, and the one that asks is kept', async () => {
  await using server = await startNats();
  const { settings, ledger } = await manyUploads(server);
  const nc = await server.connect();
  const jsm = await jetstreamManager(nc, { checkAPI: false });
  const sizes = createSizeLoader({ nc, jsm, settings, signal: new AbortController().signal, maxDigests: 3 * DIGESTS });
  for (const orgid of ORGS) {
    await sizes.load(headOf(ledger.entries(orgid).at(-1) as ReturnType<typeof parseEntry>));
    expect(sizes.memories.need(orgid)).toBeDefined();
    expect(ORGS.filter((one) => sizes.memories.get(one)).length).toBeLessThanOrEqual(3);
  }
});

test('what is read back of a line is what all of it says', async () => {
  await using server = await startNats();
  const nc = await server.connect();
  const settings = await makeStreams(nc);
  const digest = digestOf('a');
  const info = { digest: digest.slice(7), size_bytes: 9 };
  const chainloop = { TargetType: 'CASArtifact', ActionType: 'CASArtifactUploaded', OrgID: 'acme', Info: info };
  await publishAll(nc, [
    artifactEvent(settings, { orgid: 'acme', kind: 'upload', bytes: 5, digest }),
    artifactEvent(settings, { orgid: 'acme', kind: 'upload', digest }),
    artifactEvent(settings, { orgid: 'acme', kind: 'deduplicated', digest }),
    artifactEvent(settings, { orgid: 'acme', kind: 'download', bytes: 5, digest }),
    artifactEvent(settings, { orgid: 'acme', kind: 'deduplicated', bytes: 7, digest }),
    artifactEvent(settings, {
      orgid: 'acme',
      kind: 'upload',
      bytes: 8,
      digest,
      attributes: { actorname: '}},"event":{' },
    }),
    chainloopEvent(settings, chainloop),
  ]);
  await using consumer = await startConsumer({ nc, logger, ...settings });
  await caughtUp(nc, settings);
  await consumer.close();
  const ledger = await checkLedger(nc, settings);
  const [quick, whole] = [createSizeMemory(), createSizeMemory()];
  const asking = { kind: 'deduplicated', digest, bytes: null } as const;
  for (const line of ledger.chains.get('acme') ?? []) {
    const mention = readMention(line);
    if (mention) quick.note(mention.seq, mention.transfer, mention.volume);
    const { core, event } = parseEntry(line);
    const transfer = event && transferOf(event);
    if (transfer) whole.note(core.seq, transfer, core.volume);
    expect(quick.resolve(core.seq + 1, asking)).toEqual(whole.resolve(core.seq + 1, asking));
  }
  expect(quick.resolve(8, asking)).toEqual({ kind: 'deduplicated', bytes: '9', from: 7 });
});
