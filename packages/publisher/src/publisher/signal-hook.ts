/**
 * Closes publishers on SIGTERM and SIGINT, if their options say so. There is one listener for any number of publishers,
 * and none without publishers.
 *
 * If nobody else listens, publishers are closed at once, and then the signal ends the process. If the service listens
 * too, it shuts down by itself, may emit meanwhile, and decides what becomes of the process. Publishers are closed when
 * the service is done. Node does not tell when an async listener is done, so that is when only publishers keep the
 * process alive (`beforeExit`), or when the time is over.
 */
import { startTimer, type Timer } from '../duration.ts';

export interface SignalHook {
  /** Time for all of it, in milliseconds. */
  readonly timeoutMs: number;
  close(options: { readonly timeoutMs: number }): Promise<unknown>;
  /** From now on nothing of the publisher keeps the process alive. */
  unref(): void;
}

interface Hooked extends SignalHook {
  /** Ends the wait for the service; null: it does not wait. */
  waiting: Timer | null;
  /** When the signal came (`performance.now`). */
  since: number;
}

const SIGNALS = ['SIGTERM', 'SIGINT'] as const;
/** The part of the time that the service has. The rest is for its last events. */
const SERVICE_SHARE = 0.8;

const hooked = new Set<Hooked>();

/** @returns a function that cancels it */
export function onSignal(hook: SignalHook): () => void {
  const mine: Hooked = { ...hook, waiting: null, since: 0 };
  if (hooked.size === 0) {
    process.on('newListener', stayFirst);
    for (const signal of SIGNALS) process.prependListener(signal, handle);
  }
  hooked.add(mine);
  return () => {
    mine.waiting?.stop();
    mine.waiting = null;
    hooked.delete(mine);
    if (hooked.size === 0) stopListening();
    if (![...hooked].some(({ waiting }) => waiting)) process.off('beforeExit', closeWaiting);
  };
}

/**
 * Our listener stays the first. A `once` of the service, also a prepended one, is then still counted when we are
 * called.
 */
function stayFirst(event: string | symbol, listener: unknown): void {
  const signal = SIGNALS.find((name) => name === event);
  if (signal === undefined || listener === handle) return;
  // The new listener is added after this returns. No signal comes before that.
  queueMicrotask(() => {
    if (hooked.size === 0 || process.listeners(signal)[0] === handle) return;
    // In this order there is always a listener, so Node never resets the signal. `off` removes the later one.
    process.prependListener(signal, handle);
    process.off(signal, handle);
  });
}

function handle(signal: NodeJS.Signals): void {
  const serviceListens = process.listenerCount(signal) > 1;
  if (serviceListens) return waitForService();
  const again = (): void => {
    stopListening();
    // A listener that was added meanwhile decides. Without one, the signal ends the process.
    if (process.listenerCount(signal) === 0) process.kill(process.pid, signal);
  };
  const closed = [...hooked].map((hook) => hook.close({ timeoutMs: hook.timeoutMs }));
  Promise.allSettled(closed).then(again, again);
}

function waitForService(): void {
  process.off('beforeExit', closeWaiting);
  process.on('beforeExit', closeWaiting);
  for (const hook of hooked) {
    if (hook.waiting !== null) continue;
    hook.unref();
    hook.since = performance.now();
    hook.waiting = startTimer(hook.timeoutMs * SERVICE_SHARE, () => closeAfter(hook)).unref();
  }
}

/** The service has nothing more to do. */
function closeWaiting(): void {
  for (const hook of hooked) if (hook.waiting !== null) closeAfter(hook);
}

function closeAfter(hook: Hooked): void {
  hook.waiting?.stop();
  const left = hook.timeoutMs - (performance.now() - hook.since);
  const timeoutMs = Math.max(left, hook.timeoutMs * (1 - SERVICE_SHARE));
  // Nobody waits for the result here. Events that were not acknowledged are in the counts and in the log.
  hook.close({ timeoutMs }).catch(() => {});
}

function stopListening(): void {
  process.off('newListener', stayFirst);
  for (const signal of SIGNALS) process.off(signal, handle);
}
