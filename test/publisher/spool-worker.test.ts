import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import type { Publisher } from '@waybill/publisher';
import { beforeEach, expect, test } from 'vitest';
import { needsOwnServer, startNats } from '../support/nats.ts';
import { spooling } from '../support/publishers.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { createAudit, readStored } from '../support/audit-stream.ts';

/** Publishers in worker threads: such a thread may be terminated, without a word, while its process lives on. */

const PROGRAM = `
  import { artifactUploaded, createPublisher } from '@waybill/publisher';
  import { parentPort, workerData } from 'node:worker_threads';
  const audit = createPublisher({
    source: '//worker', connection: 'later', logger: { info() {}, warn() {} }, spoolDir: workerData, durability: 'sync',
  });
  for (let n = 0; n < 100; n++) {
    audit.emit(artifactUploaded({ orgid: 'acme', digest: 'sha256:' + n.toString(16).padStart(64, '0'), size_bytes: n }));
  }
  parentPort.postMessage('emitted');
  setInterval(() => {}, 1000);
`;

async function startWorker(spoolDir: string): Promise<Worker> {
  const program = new URL(`data:text/javascript,${encodeURIComponent(resolved(PROGRAM))}`);
  const worker = new Worker(program, { workerData: spoolDir, execArgv: ['--conditions=source'] });
  expect(await once(worker, 'message')).toEqual(['emitted']);
  return worker;
}

/** A data URL has no folder from which packages could be found. */
function resolved(program: string): string {
  return program.replace("'@waybill/publisher'", JSON.stringify(import.meta.resolve('@waybill/publisher')));
}

beforeEach(needsOwnServer);

const ackedBy = (publishers: readonly Publisher[]) =>
  publishers.reduce((sum, publisher) => sum + (publisher.stats().spool?.adopted.acked ?? 0), 0);

test('sync: what a terminated worker had emitted is delivered by publishers that run already, and by the next one', async () => {
  await using server = await startNats();
  await createAudit(await server.connect());
  using dir = temporaryDirectory();
  const first = await startWorker(dir.path);
  await using running = spooling(server, dir.path);
  // The worker lives: what it has is its own.
  await expect.poll(() => running.stats().spool?.adopted).toMatchObject({ scanned: true, found: 0 });
  await first.terminate();
  await expect.poll(() => ackedBy([running])).toBe(100);

  const second = await startWorker(dir.path);
  await second.terminate();
  await using next = spooling(server, dir.path);
  await expect.poll(() => ackedBy([running, next])).toBe(200);
  const stored = await readStored(await server.connect());
  expect(stored).toHaveLength(200);
  expect(new Set(stored.map(({ msgId }) => msgId)).size).toBe(200);
  await expect.poll(() => dir.files().filter((file) => file.endsWith('.seg'))).toEqual([]);
});
