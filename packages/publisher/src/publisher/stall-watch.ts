import { createAlarm } from '../alarm.ts';

export interface StallWatchOptions {
  /** Events that are pending, in memory or on disk. */
  pending(): number;
  /** Events that were settled since the start. */
  settled(): number;
  /** Nothing was settled for so long. Called again each time that is true. */
  stalled(): void;
}

export interface StallWatch {
  /** Begins to watch, if events are pending. */
  look(): void;
  readonly isStalled: boolean;
  close(): void;
}

/** A stall is noticed after once to twice this time. */
export const STALL_MS = 4_000;

/**
 * Notices that no pending event is settled for a while, whatever the cause. Most failures are noticed where they
 * happen. This is for the others, such as a single event that waits for an answer without a time limit.
 */
export function createStallWatch({ pending, settled, stalled }: StallWatchOptions): StallWatch {
  /** How many were settled at the last look. */
  let before = 0;
  /** How many were settled when a stall was noticed. */
  let stalledAt: number | null = null;

  const alarm = createAlarm(() => {
    if (pending() === 0) return;
    // Pending events may be new, if another one was settled since the last look.
    const isStalled = settled() === before;
    start();
    if (!isStalled) return;
    stalledAt = before;
    stalled();
  });
  const start = (): void => {
    before = settled();
    alarm.set(STALL_MS);
  };

  return {
    look() {
      if (!alarm.isSet && pending() > 0) start();
    },
    get isStalled() {
      return stalledAt === settled();
    },
    close: () => alarm.stop(),
  };
}
