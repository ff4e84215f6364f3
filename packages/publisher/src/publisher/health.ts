import type { CurrentConnection } from '../connection/current-connection.ts';
import type { PublisherStatus } from '../handle.ts';
import type { Settings } from '../options.ts';
import type { Queue } from '../queue/queue.ts';
import type { Reporter } from '../reporter.ts';
import type { Lifetime } from './lifetime.ts';
import { createStallWatch, STALL_MS } from './stall-watch.ts';

export interface HealthOptions {
  readonly settings: Settings;
  readonly queue: Queue;
  readonly connection: Pick<CurrentConnection, 'trouble'>;
  readonly reporter: Reporter;
  readonly lifetime: Readonly<Lifetime>;
}

export interface Health {
  status(): PublisherStatus;
  /** Tells the log and the listeners of the channel when the health has changed. */
  observe(): void;
  close(): void;
}

export function createHealth({ settings, queue, connection, reporter, lifetime }: HealthOptions): Health {
  const { book, delivery, diagnostics } = queue;
  const watch = createStallWatch({
    pending: () => book.pending + book.spooled,
    settled: () => book.settled,
    stalled: observe,
  });

  function status(): PublisherStatus {
    const counts = {
      ...(delivery.parked > 0 && { parked: delivery.parked }),
      ...(book.holes > 0 && { holes: book.holes }),
    };
    if (lifetime.phase === 'closed') return { state: 'closed', ...counts };
    if (connection.trouble) return { ...connection.trouble, ...counts };
    const reason = queue.trouble ?? (watch.isStalled ? stallReason() : null);
    return reason === null ? { state: 'connected', ...counts } : { state: 'degraded', reason, ...counts };
  }

  /** Connected, nothing has failed yet, and still no event is settled. */
  function stallReason(): string {
    if (settings.signer?.firstTry) return 'waiting for the signing key';
    return `no acknowledgement for ${STALL_MS / 1_000} s`;
  }

  function observe(): void {
    if (lifetime.phase === 'closed') return;
    // Also while it closes: `status` and the errors of `confirm` say why that takes long.
    watch.look();
    if (lifetime.phase === 'closing') return;
    const health = status();
    diagnostics.status(health);
    const { state, reason } = health;
    if (state === 'connected') reporter.connected();
    else if (state === 'degraded' || watch.isStalled) reporter.degraded(reason ?? '');
  }

  return {
    status,
    observe,
    close() {
      watch.close();
      diagnostics.status(status());
    },
  };
}
