/** UUIDs hold no time before 1970, and timestamps none after the year 9999. */
const LATEST = Date.parse('9999-12-31T23:59:59.999Z');

/**
 * The time of events in whole Unix milliseconds, whatever the service's clock returns. (`performance.now()` has
 * fractions, which ids and timestamps do not take.)
 */
export function createClock(clock: () => number): () => number {
  return () => {
    let ms = Number.NaN;
    try {
      ms = Math.floor(clock());
    } catch {
      // `emit` never throws. An event with the machine's time is better than no event.
    }
    return ms >= 0 && ms <= LATEST ? ms : Date.now();
  };
}
