import type { CurrentConnection } from '../connection/current-connection.ts';
import { outside } from '../context.ts';
import type { Settings } from '../options.ts';
import type { Queue } from '../queue/queue.ts';
import type { CloseResult } from '../stats.ts';
import { onExit } from './exit-hook.ts';
import type { Health } from './health.ts';
import type { Lifetime } from './lifetime.ts';
import type { Loop } from './loop.ts';
import { onSignal } from './signal-hook.ts';

export interface ClosingOptions {
  readonly settings: Settings;
  readonly lifetime: Lifetime;
  readonly loop: Loop;
  readonly queue: Queue;
  readonly connection: CurrentConnection;
  readonly health: Health;
}

/**
 * Ends a publisher: when `close` is called, when the process exits, and on a signal if the options say so.
 *
 * @returns `close`, which can be called any number of times
 */
export function createClosing(options: ClosingOptions): (timeoutMs: number) => Promise<CloseResult> {
  const { settings, lifetime, loop, queue, connection, health } = options;
  let closing: Promise<CloseResult> | null = null;

  /** Synchronous: the process may be exiting. */
  function leave(): void {
    lifetime.phase = 'closed';
    loop.stop();
    queue.leave();
    health.close();
  }

  async function shutDown(timeoutMs: number): Promise<CloseResult> {
    const untilMs = performance.now() + timeoutMs;
    await queue.book.whenSettled(timeoutMs);
    await queue.announceEnd(untilMs);
    connection.release();
    leave();
    const result = queue.book.closeResult();
    offExit?.();
    offSignal?.();
    await connection.close();
    return result;
  }

  function close(timeoutMs: number): Promise<CloseResult> {
    if (lifetime.phase === 'open') lifetime.phase = 'closing';
    queue.stopTaking();
    return (closing ??= outside(() => shutDown(timeoutMs)));
  }

  // Without a spool there is nothing to save.
  const offExit = queue.spool && onExit(() => void (lifetime.phase === 'closed' || leave()));
  const offSignal = settings.handleSignals
    ? onSignal({
        timeoutMs: settings.closeTimeoutMs,
        close: ({ timeoutMs }) => close(timeoutMs),
        unref: () => connection.unref(),
      })
    : null;
  return close;
}
