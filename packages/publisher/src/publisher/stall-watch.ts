/**
 * Notices that what is pending gets nowhere, whatever the cause: a time that is up says so by itself, but a single event
 * that nobody asks after would wait in silence.
 */
import { outside } from '../context.ts';

export interface StallWatchOptions {
  /** Whether events are pending, in memory or on disk. */
  pending(): boolean;
  /** Nothing was settled for so long. Called again each time that is true. */
  stalled(): void;
}

export interface StallWatch {
  /** An event is pending. */
  started(): void;
  /** One was acknowledged or dropped. */
  settled(): void;
  readonly isStalled: boolean;
  close(): void;
}

/** An event that stays is noticed after once to twice this time. */
export const STALL_MS = 4_000;

export function createStallWatch({ pending, stalled }: StallWatchOptions): StallWatch {
  let timer: NodeJS.Timeout | undefined;
  let progressed = false;
  let isStalled = false;

  const look = (): void => {
    timer = undefined;
    if (!pending()) return;
    arm();
    // What is pending now may have come a moment ago, if something else was settled since the last look.
    isStalled = !progressed;
    progressed = false;
    if (isStalled) stalled();
  };
  const arm = (): void => {
    timer = setTimeout(look, STALL_MS).unref();
  };

  return {
    started() {
      if (timer !== undefined) return;
      progressed = false;
      outside(arm);
    },
    settled() {
      progressed = true;
      isStalled = false;
    },
    get isStalled() {
      return isStalled;
    },
    close: () => clearTimeout(timer),
  };
}
