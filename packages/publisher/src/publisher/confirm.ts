/** `confirm`: emits an event with a waiter on it, and gives the promise of that waiter. */
import type { Ack } from '../ack.ts';
import { checkWait, within } from '../duration.ts';
import { PublisherError } from '../error.ts';
import type { EventInput } from '../event-input.ts';
import { type Confirmation, type ConfirmLevel, DEFAULT_WAIT_MS, type Publisher, type WaitOptions } from '../handle.ts';
import type { PendingEvent, Waiter } from '../pending-event.ts';
import type { Signer } from '../signing-identity.ts';
import type { Spool } from '../spool/spool.ts';

interface ConfirmOptions {
  readonly spool: Pick<Spool, 'sync'> | null;
  /** What is wrong at present, for the error. */
  reason(): string;
  emit(event: EventInput, waiter: Waiter): void;
}

export function createConfirm({ spool, reason, emit }: ConfirmOptions): Publisher['confirm'] {
  function confirm(event: EventInput, options?: { timeoutMs?: number; level?: 'acked' }): Promise<Ack>;
  function confirm(event: EventInput, options: { timeoutMs?: number; level: ConfirmLevel }): Promise<Confirmation>;
  async function confirm(
    event: EventInput,
    { level = 'acked', timeoutMs = DEFAULT_WAIT_MS }: { timeoutMs?: number; level?: ConfirmLevel } = {},
  ): Promise<Ack | Confirmation> {
    checkWait('confirm: timeoutMs', timeoutMs);
    if (level !== 'acked' && spool === null) {
      throw new PublisherError('NO_SPOOL', `confirm: level is ${level}, which needs the option spoolDir`);
    }
    const { promise, ...waiter } = createWaiter(level, spool);
    emit(event, waiter);
    const confirmation = await within(promise, timeoutMs, () => {
      throw new PublisherError('TIMEOUT', `not ${level} within ${timeoutMs} ms: ${reason()}`);
    });
    return confirmation.level === 'acked' && level === 'acked' ? confirmation.ack : confirmation;
  }
  return confirm;
}

function createWaiter(
  level: ConfirmLevel,
  spool: ConfirmOptions['spool'],
): Waiter & { readonly promise: Promise<Confirmation> } {
  const { promise, resolve, reject } = Promise.withResolvers<Confirmation>();
  return {
    promise,
    toDisk: level !== 'acked',
    resolve: (ack) => resolve({ level: 'acked', ack }),
    reject,
    written({ segment }: PendingEvent) {
      if (level === 'spooled') resolve({ level });
      if (level !== 'fsynced' || spool === null || segment === null) return;
      // When the disk fails to sync, the acknowledgement or the time limit decides.
      spool.sync(segment).then(
        () => resolve({ level }),
        () => {},
      );
    },
  };
}

/** With a signer, `confirm` emits nothing without an identity. An identity that was there once stays. */
export function confirmSigned(publisher: Publisher, signer: Signer | undefined): Publisher {
  if (!signer) return publisher;
  const { confirm } = publisher;
  return Object.assign(publisher, {
    async confirm(event: EventInput, options: WaitOptions = {}) {
      const { timeoutMs = DEFAULT_WAIT_MS } = options;
      checkWait('confirm: timeoutMs', timeoutMs);
      const startMs = performance.now();
      await within(signer.identity(), timeoutMs, () => {
        throw new PublisherError('UNSIGNED', `no signing identity within ${timeoutMs} ms`);
      });
      return confirm(event, { ...options, timeoutMs: Math.max(1, timeoutMs - (performance.now() - startMs)) });
    },
  });
}
