/** The main file of a thread that verifies one organization over a connection of its own, and ends. */
import { parentPort, workerData } from 'node:worker_threads';
import { ConsumerError } from '../errors.ts';
import { openConnection } from '../nats/connect.ts';
import { verifyLedger, type VerifyProgress } from '../verify/verify-ledger.ts';
import type { ThreadMessage, ThreadTask } from './verify-in-thread.ts';

/** A job's progress is asked for by people. */
const REPORT_EVERY_MS = 100;

async function run({ nats, settings, bind, orgid }: ThreadTask): Promise<void> {
  const send = (message: ThreadMessage): void => parentPort?.postMessage(message);
  let sent = -Infinity;
  const onProgress = (progress: VerifyProgress): void => {
    if (performance.now() - sent < REPORT_EVERY_MS) return;
    sent = performance.now();
    send({ kind: 'progress', progress });
  };
  try {
    const nc = await openConnection(nats, { name: 'waybill verification' });
    try {
      send({ kind: 'report', report: await verifyLedger(nc, settings, { orgid, bind, onProgress }) });
    } finally {
      await nc.close();
    }
  } catch (error) {
    const { code, message } = error instanceof ConsumerError ? error : { code: null, message: String(error) };
    send({ kind: 'error', code, message });
  }
}

await run(workerData as ThreadTask);
