/** How long nothing has been chained although events wait: by the watermark, whatever the reason is. Pure. */
export interface Stall {
  /** @param now milliseconds of a clock that nobody can set */
  look(now: number, at: { watermark: number; waiting: boolean }): void;
  /** 0 when nothing waits. As of `now`, with what was seen last. */
  seconds(now: number): number;
}

/** A commit, a session and a takeover take seconds. So long nothing that is healthy takes. */
export const STALLED_SECONDS = 60;

export function createStall(): Stall {
  let watermark = -1;
  /** Since when the watermark stands still with something waiting; null: it does not. */
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
