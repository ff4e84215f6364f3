/** The waiting half of `confirm`: a waiter that rides on the event, and the promise of it. */
import type { Ack } from './ack.ts';
import { PublisherError } from './error.ts';
import type { ConfirmLevel, Confirmation } from './handle.ts';
import type { PendingEvent, Waiter } from './pending-event.ts';

interface Confirming {
  readonly level: ConfirmLevel;
  readonly timeoutMs: number;
  /** The event's record is on the medium. */
  sync(event: PendingEvent): Promise<void>;
  /** For the error: what is wrong at present. */
  reason(): string;
  start(waiter: Waiter): void;
}

export function confirming({ level, timeoutMs, sync, reason, start }: Confirming): Promise<Confirmation> {
  return new Promise<Confirmation>((resolve, reject) => {
    const finish = (settle: () => void): void => {
      clearTimeout(timer);
      settle();
    };
    const fail = (error: PublisherError): void => finish(() => reject(error));
    // Keeps the process: somebody awaits this.
    const timer = setTimeout(
      () => reject(new PublisherError('TIMEOUT', `not ${level} within ${timeoutMs} ms: ${reason()}`)),
      timeoutMs,
    );
    start({
      toDisk: level !== 'acked',
      resolve: (ack: Ack) => finish(() => resolve({ level: 'acked', ack })),
      reject: fail,
      written(event) {
        if (level === 'spooled') return finish(() => resolve({ level }));
        if (level !== 'fsynced') return;
        // A disk that fails to sync leaves the acknowledgement, or the time, to decide.
        sync(event)
          .then(() => finish(() => resolve({ level })))
          .catch(() => {});
      },
    });
  });
}
