import { artifactDownloaded, createPublisher } from '@waybill/publisher';
import { beforeEach, expect, test } from 'vitest';
import { expectChained } from '../support/expect-chained.ts';
import { needsOwnServer, startNats } from '../support/nats.ts';
import { memoryLogger, SOURCE, upload } from './artifacts.ts';
import { createAudit, expectBalanced, until } from './stored.ts';

/** The promise: what waits for a right is billed when it comes, however the organization's other events lie between. */

beforeEach(needsOwnServer);

const mayPublish = (subjects: string) => `authorization { users: [
  { user: admin, password: a }
  { user: producer, password: p, permissions { publish { allow: [${subjects}] }, subscribe { allow: ["_INBOX.p.>"] } } }
] }`;
const ALL = '"audit.>"';
const NO_DOWNLOADS = '"audit.casartifact.uploaded.>"';
const ADMIN = { user: 'admin', pass: 'a' };
const PRODUCER = { user: 'producer', pass: 'p', inboxPrefix: '_INBOX.p' };

const download = (n: number, orgid = 'acme') =>
  artifactDownloaded({ orgid, digest: `sha256:${String(n).padStart(64, '0')}`, size_bytes: n });

test('300 uploads and 300 downloads of one organization, without the right for downloads and then with it: all are billed', async () => {
  await using server = await startNats({ extraConfig: mayPublish(NO_DOWNLOADS) });
  const admin = await server.connect(ADMIN);
  await createAudit(admin);
  await using publisher = createPublisher({
    source: SOURCE,
    servers: server.url,
    connect: PRODUCER,
    parkProbeMs: 100,
    logger: memoryLogger(),
  });
  for (let i = 0; i < 300; i++) {
    publisher.emit(upload(i, 'acme'));
    publisher.emit(download(i));
  }
  await until(() => expect(publisher.stats()).toMatchObject({ inFlight: 0 }));
  await until(() => expect(publisher.stats().parked).toBe(publisher.stats().pending));
  expect(publisher.status().reason).toBe('not permitted to publish to audit.casartifact.downloaded.acme');
  await server.configure(mayPublish(ALL));
  await server.reload();
  expect(await publisher.flush({ timeoutMs: 30_000 })).toBe(true);
  expect(publisher.stats()).toMatchObject({ acked: 600, parked: 0 });
  expectBalanced(publisher.stats());
  const { totals } = await expectChained(admin, 600);
  expect(totals.get('acme')).toMatchObject({ uploads: { count: '300' }, downloads: { count: '300' } });
});
