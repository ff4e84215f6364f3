import { artifactDownloaded, createPublisher } from '@waybill/publisher';
import { beforeEach, expect, test } from 'vitest';
import { SOURCE, upload } from '../support/publishers.ts';
import { createAudit, expectBalanced, readStored } from '../support/audit-stream.ts';
import { expectChained } from '../support/expect-chained.ts';
import { memoryLogger } from '../support/logger.ts';
import { needsOwnServer, startNats } from '../support/nats.ts';
import { PATIENT } from '../support/time.ts';

beforeEach(needsOwnServer);

/** An administrator, and a producer who may publish these subjects. */
const mayPublish = (subjects: string) => `authorization { users: [
  { user: admin, password: a }
  { user: producer, password: p, permissions { publish { allow: [${subjects}] }, subscribe { allow: ["_INBOX.p.>"] } } }
] }`;
const ALL = '"audit.>"';
const NO_DOWNLOADS = '"audit.casartifact.uploaded.>"';

const download = (n: number) =>
  artifactDownloaded({ orgid: `org-${n % 7}`, digest: `sha256:${String(n).padStart(64, '0')}`, size_bytes: n });

test('a permission revoked and given back under load, three times: its events wait, nothing is lost, all are chained', async () => {
  // The promise: what may not be published waits aside, and of its organization what would make too many holes in the
  // numbers; other organizations go on, and status() says why. Given back, it is all stored and chained once, each
  // organization's events of a type in the order of emitting. The connection stays up throughout:
  // nats-server tells a client of a narrowed permission only when it uses it, and of one given back not at all.
  await using server = await startNats({ extraConfig: mayPublish(ALL) });
  const admin = await server.connect({ user: 'admin', pass: 'a' });
  await createAudit(admin);
  await using publisher = createPublisher({
    source: SOURCE,
    servers: server.url,
    connect: { user: 'producer', pass: 'p', inboxPrefix: '_INBOX.p' },
    maxQueueEvents: 60_000,
    parkProbeMs: 100,
    logger: memoryLogger(),
  });
  let emitted = 0;
  const timer = setInterval(() => {
    for (let i = 0; i < 10; i++) {
      publisher.emit(upload(emitted));
      publisher.emit(download(emitted));
      publisher.emit(upload(emitted, `other-${emitted % 3}`));
      emitted++;
    }
  }, 5);
  const progress = async (events: number) => {
    const goal = publisher.stats().acked + events;
    await expect.poll(() => publisher.stats().acked).toBeGreaterThan(goal);
  };
  let mostParked = 0;
  try {
    for (let round = 0; round < 3; round++) {
      await progress(1_000);
      await server.configure(mayPublish(NO_DOWNLOADS));
      await server.reload();
      await expect.poll(() => publisher.stats().parked).toBeGreaterThan(500);
      await progress(1_000);
      expect(publisher.status()).toEqual({
        state: 'degraded',
        reason: expect.stringContaining('not permitted to publish to audit.casartifact.downloaded.org-'),
        parked: expect.any(Number),
      });
      expectBalanced(publisher.stats());
      mostParked = Math.max(mostParked, publisher.stats().parked);
      await server.configure(mayPublish(ALL));
      await server.reload();
      await expect.poll(() => publisher.stats().parked).toBe(0);
      await expect.poll(() => publisher.status()).toEqual({ state: 'connected' });
    }
  } finally {
    clearInterval(timer);
  }
  expect(await publisher.flush(PATIENT)).toBe(true);
  const stats = publisher.stats();
  expectBalanced(stats);
  const stored = await readStored(admin);
  console.log(
    `revoked three times: ${stats.emitted} emitted, up to ${mostParked} aside, ${stored.length} stored;`,
    `${stats.resent} sent again, ${stats.duplicates} known already`,
  );
  expect(stats).toMatchObject({ emitted: 3 * emitted, acked: 3 * emitted, pending: 0 });
  expect(new Set(stored.map(({ msgId }) => msgId)).size).toBe(3 * emitted);
  expect(stored.length).toBe(3 * emitted);
  const lanes = Map.groupBy(stored, ({ subject }) => subject);
  expect(lanes.size).toBe(17);
  const unordered = [...lanes.values()].filter((events) =>
    events.some(({ event }, i) => i > 0 && Number(event.producerseq) <= Number(events[i - 1]?.event.producerseq)),
  );
  expect(unordered).toEqual([]);
  await expectChained(admin, 3 * emitted);
});
