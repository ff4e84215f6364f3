/** Whether a reader can read: it has no writer whose progress would tell. */
import { type JetStreamManager } from '@nats-io/jetstream';
import { createCoalescedTask } from '../coalesced-task.ts';
import type { Settings } from '../settings.ts';
import { readStreamInfo } from '../nats/stream-info.ts';

export interface StreamProbe extends Disposable {
  /** null: both streams could be read at the last look. */
  readonly trouble: string | null;
}

const INTERVAL_MS = 5_000;

export function startStreamProbe(jsm: JetStreamManager, { auditStream, ledgerStream }: Settings): StreamProbe {
  let trouble: string | null = 'the streams were not read yet';
  const looking = createCoalescedTask(
    async () => {
      for (const stream of [auditStream, ledgerStream]) await readStreamInfo(jsm, stream);
      trouble = null;
    },
    (error) => {
      trouble = (error as Error).message;
    },
  );
  looking.request();
  const timer = setInterval(looking.request, INTERVAL_MS);
  return {
    get trouble() {
      return trouble;
    },
    [Symbol.dispose]() {
      clearInterval(timer);
      looking.close();
    },
  };
}
