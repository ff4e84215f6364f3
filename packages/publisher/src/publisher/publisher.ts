/**
 * The `publisher/` room: where a publisher begins and ends. It reads the options, joins a queue and a connection with
 * the loop that moves events, and tells how that goes. What happens to an event is in queue/, and never here.
 */
import { CurrentConnection } from '../connection/current-connection.ts';
import { outside } from '../context.ts';
import { checkWait } from '../duration.ts';
import { DEFAULT_WAIT_MS, type Publisher } from '../handle.ts';
import { CONSOLE_LOGGER } from '../logger.ts';
import type { PublisherOptions, Settings } from '../options.ts';
import { Queue } from '../queue/queue.ts';
import { createReporter, type Reporter } from '../reporter.ts';
import { createClosing } from './closing.ts';
import { confirmSigned, createConfirm } from './confirm.ts';
import { createDisabledPublisher } from './disabled.ts';
import { createHealth } from './health.ts';
import type { Lifetime } from './lifetime.ts';
import { createLoop } from './loop.ts';
import { isEnabled, readOptions } from './read-options.ts';

/**
 * Starts a publisher. It connects in the background. Never being connected is a normal state.
 *
 * A publisher that opens its own connection keeps the process alive until `close()`, as every NATS client does.
 *
 * @throws PublisherError INVALID_OPTIONS
 */
export function createPublisher(options: PublisherOptions): Publisher {
  const settings = readOptions(options);
  const reporter = createReporter(settings.logger ?? CONSOLE_LOGGER, settings.onDrop);
  if (!isEnabled(settings)) return createDisabledPublisher(reporter);
  const publisher = outside(() => createEnabledPublisher(settings, reporter));
  return confirmSigned(publisher, settings.signer);
}

function createEnabledPublisher(settings: Settings, reporter: Reporter): Publisher {
  const lifetime: Lifetime = { phase: 'open' };
  const loop = createLoop((untilMs) => {
    const isMore = queue.run(untilMs);
    health.observe();
    return isMore;
  });
  const queue = new Queue({ settings, reporter, isConnected: () => connection.isConnected, wake: loop.wake });
  const connection = new CurrentConnection({
    settings,
    user: queue.delivery,
    lost: () => health.observe(),
    failed(reason) {
      reporter.degraded(reason);
      queue.diagnostics.status(health.status());
    },
  });
  const health = createHealth({ settings, queue, connection, reporter, lifetime });
  const close = createClosing({ settings, lifetime, loop, queue, connection, health });

  connection.start();
  // What a dead publisher left is delivered also when nothing new is emitted.
  if (queue.spool) loop.wake();

  return {
    emit: (event) => queue.take(event, null),
    confirm: createConfirm({
      spool: queue.spool,
      reason: () => health.status().reason ?? 'no answer',
      emit: (event, waiter) => queue.take(event, waiter),
    }),
    enabled: (type) => queue.allows(type),
    flush: async ({ timeoutMs = DEFAULT_WAIT_MS } = {}) =>
      queue.book.whenSettled(checkWait('flush: timeoutMs', timeoutMs)),
    close: async ({ timeoutMs = settings.closeTimeoutMs } = {}) => close(checkWait('close: timeoutMs', timeoutMs)),
    status: health.status,
    bind(to) {
      if (lifetime.phase === 'open') outside(() => connection.bind(to));
    },
    stats: () => queue.stats(),
    async [Symbol.asyncDispose]() {
      await close(settings.closeTimeoutMs);
    },
  };
}
