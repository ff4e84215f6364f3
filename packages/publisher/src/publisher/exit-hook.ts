/** One listener for the process's exit, for any number of publishers. Without publishers there is none. */
const spills = new Set<() => void>();

function spillAll(): void {
  for (const spill of spills) spill();
}

/**
 * Calls a synchronous function when the process exits by itself or by `process.exit`.
 *
 * @returns a function that cancels it
 */
export function onExit(spill: () => void): () => void {
  if (spills.size === 0) process.on('exit', spillAll);
  spills.add(spill);
  return () => {
    spills.delete(spill);
    if (spills.size === 0) process.off('exit', spillAll);
  };
}
