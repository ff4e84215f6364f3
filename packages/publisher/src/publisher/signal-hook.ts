/**
 * Closing on SIGTERM and SIGINT, for publishers whose service asks for it. One listener of the process for any number of
 * them, and none while there are none.
 *
 * Where nobody else listens, they are closed at once and the signal then has its way. A host that listens too shuts down
 * by itself, may emit while it does, and decides what becomes of the process: there, a publisher is closed when the host
 * is done. Node does not say when a listener is done that goes on after an `await`, so that is when the process has
 * nothing left to do but for the publishers (`beforeExit`), or when the time is over.
 */
import { startTimer, type Timer } from '../duration.ts';

export interface SignalHook {
  /** What all of it may take. */
  readonly timeoutMs: number;
  close(options: { readonly timeoutMs: number }): Promise<unknown>;
  /** From now on, nothing of the publisher's keeps the process. */
  unref(): void;
}

interface Hooked extends SignalHook {
  /** Waits for the host; null: it does not. */
  waiting: Timer | null;
  /** `performance.now` when the signal came. */
  since: number;
}

const SIGNALS = ['SIGTERM', 'SIGINT'] as const;
/** The part of the time that the host has; the rest is for what it emitted last. */
const HOST_SHARE = 0.8;

const hooked = new Set<Hooked>();

/** @returns a function that takes it back */
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

/** So that a host's `once` is still there to be counted, also one that is put before the others. */
function stayFirst(event: string | symbol, listener: unknown): void {
  const signal = SIGNALS.find((name) => name === event);
  if (signal === undefined || listener === handle) return;
  // It is there once this has returned; no signal comes before.
  queueMicrotask(() => {
    if (hooked.size === 0 || process.listeners(signal)[0] === handle) return;
    // In this order, Node never listens to the signal with nobody there; `off` takes the later one.
    process.prependListener(signal, handle);
    process.off(signal, handle);
  });
}

function handle(signal: NodeJS.Signals): void {
  const hostListens = process.listenerCount(signal) > 1;
  if (hostListens) return waitForHost();
  const again = (): void => {
    stopListening();
    // Who began to listen meanwhile decides; with nobody there, the signal ends the process.
    if (process.listenerCount(signal) === 0) process.kill(process.pid, signal);
  };
  const closed = [...hooked].map((hook) => hook.close({ timeoutMs: hook.timeoutMs }));
  Promise.allSettled(closed).then(again, again);
}

function waitForHost(): void {
  process.off('beforeExit', closeWaiting);
  process.on('beforeExit', closeWaiting);
  for (const hook of hooked) {
    if (hook.waiting !== null) continue;
    hook.unref();
    hook.since = performance.now();
    hook.waiting = startTimer(hook.timeoutMs * HOST_SHARE, () => closeAfter(hook)).unref();
  }
}

/** The host has nothing more to do. */
function closeWaiting(): void {
  for (const hook of hooked) if (hook.waiting !== null) closeAfter(hook);
}

function closeAfter(hook: Hooked): void {
  hook.waiting?.stop();
  const left = hook.timeoutMs - (performance.now() - hook.since);
  const timeoutMs = Math.max(left, hook.timeoutMs * (1 - HOST_SHARE));
  // What was not acknowledged is told by the accounts, and by the log; there is nobody to tell it here.
  hook.close({ timeoutMs }).catch(() => {});
}

function stopListening(): void {
  process.off('newListener', stayFirst);
  for (const signal of SIGNALS) process.off(signal, handle);
}
