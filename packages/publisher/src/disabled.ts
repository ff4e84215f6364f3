import { CODE_OF_DROP, PublisherError } from './error.ts';
import { createAccountBook } from './accounts.ts';
import type { CloseResult, PublisherCore } from './handle.ts';
import type { Reporter } from './report.ts';

/** The publisher of a service that has no NATS: counts, and does nothing else. It opens no timer and no socket. */
export function createDisabledPublisher(reporter: Reporter): PublisherCore {
  const book = createAccountBook();
  const nothing: CloseResult = { acked: 0, spooled: 0, lost: 0 };
  let closed = false;
  reporter.disabled();

  return {
    emit: () => book.refuse('disabled'),
    confirm(): Promise<never> {
      book.refuse('disabled');
      const message = 'event dropped: no servers and no connection are configured';
      return Promise.reject(new PublisherError(CODE_OF_DROP.disabled, message));
    },
    bind() {
      throw new PublisherError(
        'INVALID_OPTIONS',
        "bind: the publisher is disabled; create it with connection: 'later'",
      );
    },
    enabled: () => false,
    flush: () => Promise.resolve(true),
    close() {
      closed = true;
      return Promise.resolve(nothing);
    },
    status: () =>
      closed ? { state: 'closed' } : { state: 'disabled', reason: 'no servers and no connection are configured' },
    stats: () => ({ ...book.read(), spool: null, pendingBytes: 0, inFlight: 0, parked: 0, resent: 0, unsigned: null }),
    async [Symbol.asyncDispose]() {
      closed = true;
    },
  };
}
