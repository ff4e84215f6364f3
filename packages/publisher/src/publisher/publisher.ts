/**
 * `createPublisher`: a queue, a connection, the loop that moves events from one to the other, and what is said about all of
 * it. What an event goes through is in queue/. Only this folder reads options, and only here a publisher begins and ends.
 */
import { createCurrentConnection } from '../connection/current-connection.ts';
import { outside } from '../context.ts';
import { checkWait } from '../duration.ts';
import { DEFAULT_WAIT_MS, type Publisher } from '../handle.ts';
import { CONSOLE_LOGGER } from '../logger.ts';
import type { PublisherOptions, Settings } from '../options.ts';
import { Queue } from '../queue/queue.ts';
import { createReporter, type Reporter } from '../reporter.ts';
import type { CloseResult } from '../stats.ts';
import { confirmSigned, createConfirm } from './confirm.ts';
import { createDisabledPublisher } from './disabled.ts';
import { onExit } from './exit-hook.ts';
import { createHealth, type Phase } from './health.ts';
import { createLoop } from './loop.ts';
import { isEnabled, readOptions } from './read-options.ts';
import { onSignal } from './signal-hook.ts';

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
  let phase: Phase = 'open';
  let closing: Promise<CloseResult> | null = null;

  const loop = createLoop((untilMs) => {
    const isMore = queue.run(untilMs);
    health.observe();
    return isMore;
  });
  const queue = new Queue({ settings, reporter, isConnected: () => connection.connected, wake: loop.wake });
  const connection = createCurrentConnection({
    settings,
    user: queue.delivery,
    lost: () => health.observe(),
    failed(reason) {
      reporter.degraded(reason);
      queue.diagnostics.status(health.status());
    },
  });
  const health = createHealth({ settings, queue, connection, reporter, phase: () => phase });

  async function shutDown(timeoutMs: number): Promise<CloseResult> {
    await queue.book.whenSettled(timeoutMs);
    connection.release();
    leave();
    const result = queue.book.closeResult();
    stopListening();
    await connection.close();
    return result;
  }

  /** Synchronous: the process may be exiting. */
  function leave(): void {
    phase = 'closed';
    loop.stop();
    queue.leave();
    health.close();
  }

  const offExit = queue.spool && onExit(() => void (phase === 'closed' || leave()));
  const offSignal = settings.handleSignals
    ? onSignal({
        timeoutMs: settings.closeTimeoutMs,
        close: (options) => publisher.close(options),
        unref: connection.unref,
      })
    : null;
  function stopListening(): void {
    offExit?.();
    offSignal?.();
  }

  const publisher: Publisher = {
    emit: (event) => queue.take(event, null),
    confirm: createConfirm({
      spool: queue.spool,
      reason: () => health.status().reason ?? 'no answer',
      emit: (event, waiter) => queue.take(event, waiter),
    }),
    enabled: (type) => queue.allows(type),
    flush: async ({ timeoutMs = DEFAULT_WAIT_MS } = {}) =>
      queue.book.whenSettled(checkWait('flush: timeoutMs', timeoutMs)),
    async close({ timeoutMs = settings.closeTimeoutMs } = {}) {
      checkWait('close: timeoutMs', timeoutMs);
      if (phase === 'open') phase = 'closing';
      queue.stopTaking();
      return (closing ??= outside(() => shutDown(timeoutMs)));
    },
    status: health.status,
    bind(to) {
      if (phase === 'open') outside(() => connection.bind(to));
    },
    stats: () => queue.stats(),
    async [Symbol.asyncDispose]() {
      await publisher.close();
    },
  };

  connection.start();
  // What a dead publisher left is delivered also when nothing new is emitted.
  if (queue.spool) loop.wake();
  return publisher;
}
