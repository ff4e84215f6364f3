/** `confirm`: a waiter that rides on the event, and the promise of it. */
import type { Ack } from '../delivery/pub-ack.ts';
import { checkWait, startTimer } from '../duration.ts';
import { PublisherError } from '../error.ts';
import { type ConfirmLevel, type Confirmation, DEFAULT_WAIT_MS, type PublisherCore } from '../handle.ts';
import type { EventInput } from '../event/intake.ts';
import type { PendingEvent, Waiter } from '../pending-event.ts';
import type { Spool } from '../spool/spool.ts';

interface ConfirmOptions {
  readonly spool: Spool | null;
  /** For the error: what is wrong at present. */
  reason(): string;
  start(event: EventInput, waiter: Waiter): void;
}

interface Confirming {
  readonly level: ConfirmLevel;
  readonly timeoutMs: number;
  /** The event's record is on the medium. */
  sync(event: PendingEvent): Promise<void>;
  /** For the error: what is wrong at present. */
  reason(): string;
  start(waiter: Waiter): void;
}

export function confirmOf({ spool, reason, start }: ConfirmOptions): PublisherCore['confirm'] {
  function confirm(event: EventInput, options?: { timeoutMs?: number; level?: 'acked' }): Promise<Ack>;
  function confirm(event: EventInput, options: { timeoutMs?: number; level: ConfirmLevel }): Promise<Confirmation>;
  async function confirm(
    event: EventInput,
    { level, timeoutMs = DEFAULT_WAIT_MS }: { timeoutMs?: number; level?: ConfirmLevel } = {},
  ): Promise<Ack | Confirmation> {
    checkWait('confirm: timeoutMs', timeoutMs);
    if (level !== undefined && level !== 'acked' && spool === null) {
      throw new PublisherError('NO_SPOOL', `confirm: level is ${level}, which needs the option spoolDir`);
    }
    const confirmation = await confirming({
      level: level ?? 'acked',
      timeoutMs,
      sync: (written) =>
        spool && written.segment ? spool.sync(written.segment) : Promise.reject(new Error('not on disk')),
      reason,
      start: (waiter) => start(event, waiter),
    });
    return confirmation.level === 'acked' && (level ?? 'acked') === 'acked' ? confirmation.ack : confirmation;
  }
  return confirm;
}

function confirming({ level, timeoutMs, sync, reason, start }: Confirming): Promise<Confirmation> {
  return new Promise<Confirmation>((resolve, reject) => {
    const finish = (settle: () => void): void => {
      timer.stop();
      settle();
    };
    const fail = (error: PublisherError): void => finish(() => reject(error));
    // Keeps the process: somebody awaits this.
    const timer = startTimer(timeoutMs, () =>
      reject(new PublisherError('TIMEOUT', `not ${level} within ${timeoutMs} ms: ${reason()}`)),
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
