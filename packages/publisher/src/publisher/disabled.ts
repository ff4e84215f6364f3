import { checkWait } from '../duration.ts';
import { CODE_OF_DROP, PublisherError } from '../error.ts';
import type { Publisher, WaitOptions } from '../handle.ts';
import { AccountBook } from '../queue/accounts.ts';
import { NOT_CONFIGURED, type Reporter } from '../reporter.ts';
import type { CloseResult } from '../stats.ts';

/** The publisher of a service without NATS. It only counts, and opens no timer and no socket. */
export function createDisabledPublisher(reporter: Reporter): Publisher {
  const book = new AccountBook();
  let result: CloseResult | null = null;
  reporter.disabled();

  return {
    emit: () => book.refuse({ reason: 'disabled' }),
    async confirm(_event: unknown, { timeoutMs = 0 }: WaitOptions = {}): Promise<never> {
      checkWait('confirm: timeoutMs', timeoutMs);
      book.refuse({ reason: 'disabled' });
      const message = `event dropped: ${NOT_CONFIGURED}`;
      throw new PublisherError(CODE_OF_DROP.disabled, message);
    },
    bind() {
      throw new PublisherError(
        'INVALID_OPTIONS',
        "bind: the publisher is disabled; create it with connection: 'later'",
      );
    },
    enabled: () => false,
    async flush({ timeoutMs = 0 } = {}) {
      checkWait('flush: timeoutMs', timeoutMs);
      return true;
    },
    async close({ timeoutMs = 0 } = {}) {
      checkWait('close: timeoutMs', timeoutMs);
      result ??= book.closeResult();
      return result;
    },
    status: () => (result !== null ? { state: 'closed' } : { state: 'disabled', reason: NOT_CONFIGURED }),
    stats: () => ({
      ...book.read(),
      spool: null,
      pendingBytes: 0,
      inFlight: 0,
      parked: 0,
      holes: 0,
      resent: 0,
      ends: book.ends,
      unsigned: null,
    }),
    async [Symbol.asyncDispose]() {
      result ??= book.closeResult();
    },
  };
}
