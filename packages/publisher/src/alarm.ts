/** A timer that is set once at a time and does not keep the process alive. */
export interface Alarm {
  readonly isSet: boolean;
  /** Rings after this time. An alarm that is set already keeps its time. */
  set(ms: number): void;
  /** Rings after this time instead of any other. */
  reset(ms: number): void;
  stop(): void;
}

export function createAlarm(ring: () => void): Alarm {
  let timer: NodeJS.Timeout | undefined;

  function set(ms: number): void {
    timer ??= setTimeout(() => {
      timer = undefined;
      ring();
    }, ms).unref();
  }
  function stop(): void {
    clearTimeout(timer);
    timer = undefined;
  }

  return {
    get isSet() {
      return timer !== undefined;
    },
    set,
    reset(ms) {
      stop();
      set(ms);
    },
    stop,
  };
}
