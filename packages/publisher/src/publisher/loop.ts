import { outside } from '../context.ts';

/** The longest that one turn keeps the event loop. */
const SLICE_MS = 2;

export interface Loop {
  /** Takes a turn soon, once for any number of calls. */
  wake(): void;
  /** Takes no turn any more. */
  stop(): void;
}

/** @param turn works until then (`performance.now`) @returns whether there is more to do at once */
export function createLoop(turn: (untilMs: number) => boolean): Loop {
  let isScheduled = false;
  let isStopped = false;

  const run = (): void => {
    isScheduled = false;
    if (turn(performance.now() + SLICE_MS)) wake();
  };
  const schedule = (): void => {
    setImmediate(run);
  };
  const wake = (): void => {
    if (isScheduled || isStopped) return;
    isScheduled = true;
    outside(schedule);
  };

  return {
    wake,
    stop() {
      isStopped = true;
    },
  };
}
