/** Notices that an answer stays away. */
export interface SilenceWatch {
  /** Something has arrived, or the wait begins now. Cheap: it is called for every message. */
  hear(): void;
  stop(): void;
}

export interface SilenceWatchOptions {
  /** How long it may be silent, by a clock that nobody can set. */
  readonly silenceMs: number;
  /** How often to look. Silence may be noticed as much later. */
  readonly everyMs: number;
  /** Called at each look while it is silent. */
  readonly onSilence: () => void;
}

export function startSilenceWatch({ silenceMs, everyMs, onSilence }: SilenceWatchOptions): SilenceWatch {
  let hasHeard = true;
  let lastHeard = performance.now();
  const timer = setInterval(() => {
    const now = performance.now();
    if (hasHeard) lastHeard = now;
    hasHeard = false;
    if (now - lastHeard > silenceMs) onSilence();
  }, everyMs);
  return {
    hear() {
      hasHeard = true;
    },
    stop: () => clearInterval(timer),
  };
}
