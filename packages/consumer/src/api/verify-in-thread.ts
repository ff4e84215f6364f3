/** Verifications in threads of their own: re-deriving a chain would keep the reader from answering. */
import { Worker } from 'node:worker_threads';
import { ConsumerError, type ConsumerErrorCode } from '../errors.ts';
import { threadFile, threadOptions } from '../thread.ts';
import type { Settings } from '../settings.ts';
import type { NatsConfig } from '../config/nats-config.ts';
import type { LedgerReport } from '../verify/ledger-report.ts';
import type { VerifyProgress } from '../verify/verify-ledger.ts';
import type { VerificationRun } from './verification-jobs.ts';

export interface ThreadTask {
  readonly nats: NatsConfig;
  readonly settings: Settings;
  readonly bind: boolean;
  readonly orgid: string;
}

export type ThreadMessage =
  | { readonly kind: 'progress'; readonly progress: VerifyProgress }
  | { readonly kind: 'report'; readonly report: LedgerReport }
  | { readonly kind: 'error'; readonly code: ConsumerErrorCode | null; readonly message: string };

/** @returns the report @throws ConsumerError as `verifyLedger`; Error when the thread ends without one */
export async function verifyInThread(
  task: Omit<ThreadTask, 'orgid'>,
  { orgid, onProgress, signal }: VerificationRun,
): Promise<LedgerReport> {
  signal.throwIfAborted();
  const workerData: ThreadTask = { ...task, orgid };
  const thread = new Worker(threadFile(import.meta.url, 'verification-thread'), threadOptions({ workerData }));
  const end = (): void => void thread.terminate().catch(() => undefined);
  signal.addEventListener('abort', end, { once: true });
  try {
    return await new Promise<LedgerReport>((resolve, reject) => {
      thread.on('message', (message: ThreadMessage) => {
        if (message.kind === 'report') resolve(message.report);
        else if (message.kind === 'error') reject(errorOf(message));
        else {
          const { phase, done, total } = message.progress;
          onProgress({ phase, done: String(done), total: String(total) });
        }
      });
      thread.on('error', reject);
      thread.on('exit', (code) => reject(new Error(`the verification of ${orgid} ended without a report (${code})`)));
    });
  } finally {
    signal.removeEventListener('abort', end);
    await thread.terminate();
  }
}

function errorOf({ code, message }: { code: ConsumerErrorCode | null; message: string }): Error {
  return code === null ? new Error(message) : new ConsumerError(code, message);
}
