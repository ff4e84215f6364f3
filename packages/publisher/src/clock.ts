/**
 * The time of events: whole Unix milliseconds, whatever the service's clock gives (`performance.now()` has fractions, which
 * no id and no timestamp takes).
 */
export function createClock(clock: () => number): () => number {
  return () => {
    let ms = Number.NaN;
    try {
      ms = Math.floor(clock());
    } catch {
      // Foreign code within `emit`, which does not throw; an event is worth more than the exact time of it.
    }
    return Number.isSafeInteger(ms) ? ms : Date.now();
  };
}
