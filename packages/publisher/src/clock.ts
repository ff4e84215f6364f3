/** UUIDs have no time before 1970, and timestamps none after the year 9999. */
const LATEST = Date.parse('9999-12-31T23:59:59.999Z');

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
    return ms >= 0 && ms <= LATEST ? ms : Date.now();
  };
}
