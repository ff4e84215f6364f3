/** One listener of the process for any number of publishers, and none while there are none. */
const spills = new Set<() => void>();

function spillAll(): void {
  for (const spill of spills) spill();
}

/** Calls it when the process exits by itself or by `process.exit`; it must be synchronous. @returns a function that takes it back */
export function onExit(spill: () => void): () => void {
  if (spills.size === 0) process.on('exit', spillAll);
  spills.add(spill);
  return () => {
    spills.delete(spill);
    if (spills.size === 0) process.off('exit', spillAll);
  };
}

/**
 * On SIGTERM and SIGINT: closes, and then lets the signal do what it would have done. @returns a function that takes
 * it back
 */
export function onSignal(close: () => Promise<unknown>): () => void {
  const signals = ['SIGTERM', 'SIGINT'] as const;
  const off = (): void => {
    for (const signal of signals) process.off(signal, handle);
  };
  const handle = (signal: NodeJS.Signals): void => {
    const again = (): void => {
      off();
      // Others that listen decide; with nobody left, the signal ends the process.
      if (process.listenerCount(signal) === 0) process.kill(process.pid, signal);
    };
    close().then(again, again);
  };
  for (const signal of signals) process.on(signal, handle);
  return off;
}
