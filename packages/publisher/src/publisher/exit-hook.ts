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
