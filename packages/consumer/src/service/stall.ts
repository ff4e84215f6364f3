/** How long nothing has been chained although events wait, whatever the reason is. Pure. */
export interface Stall {
  /** @param now milliseconds of a clock that nobody can set */
  look(now: number, at: { watermark: number; waiting: boolean }): void;
  /** How long, as of `now`, by the last look; 0 when nothing waits. */
  seconds(now: number): number;
}

/** Commits, session starts and takeovers take seconds. Nothing healthy takes this long. */
export const STALLED_SECONDS = 60;

export function createStall(): Stall {
  let watermark = -1;
  /** Since when the watermark has not moved although something waits; null: it moves, or nothing waits. */
  let since: number | null = null;

  return {
    look(now, at) {
      if (!at.waiting) since = null;
      else if (since === null || at.watermark !== watermark) since = now;
      watermark = at.watermark;
    },
    seconds: (now) => (since === null ? 0 : (now - since) / 1000),
  };
}
