/** `confirm`: a waiter that rides on the event, and the promise of it. */
import type { Ack } from '../ack.ts';
import { checkWait, startTimer, type Timer } from '../duration.ts';
import { PublisherError } from '../error.ts';
import type { EventInput } from '../event-input.ts';
import { type Confirmation, type ConfirmLevel, DEFAULT_WAIT_MS, type Publisher, type WaitOptions } from '../handle.ts';
import type { PendingEvent, Waiter } from '../pending-event.ts';
import type { Signer, SigningIdentity } from '../signing-identity.ts';
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

export function confirmOf({ spool, reason, start }: ConfirmOptions): Publisher['confirm'] {
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

/** With a signer, `confirm` emits nothing unless it will be signed: an identity that was had once is kept. */
export function confirmSigned(publisher: Publisher, signer: Signer | undefined): Publisher {
  if (!signer) return publisher;
  const { confirm } = publisher;
  return Object.assign(publisher, {
    async confirm(event: EventInput, options: WaitOptions = {}) {
      const { timeoutMs = DEFAULT_WAIT_MS } = options;
      checkWait('confirm: timeoutMs', timeoutMs);
      const startMs = performance.now();
      await within(signer.identity(), timeoutMs);
      return confirm(event, { ...options, timeoutMs: Math.max(1, timeoutMs - (performance.now() - startMs)) });
    },
  });
}

async function within(identity: Promise<SigningIdentity>, timeoutMs: number): Promise<void> {
  let timer: Timer | undefined;
  const tooLate = new Promise<never>((_, reject) => {
    const error = new PublisherError('UNSIGNED', `no signing identity within ${timeoutMs} ms`);
    timer = startTimer(timeoutMs, () => reject(error));
  });
  try {
    await Promise.race([identity, tooLate]);
  } finally {
    timer?.stop();
  }
}
