import type { Output } from './output.ts';

export interface ProgressBar {
  /** @param at `total` is null when it is unknown; `text` names what is counted */
  show(at: { done: number; total: number | null; text: string }): void;
  clear(): void;
}

const WIDTH = 30;
const EVERY_MS = 100;

/** A progress bar on a terminal; elsewhere it does nothing. */
export function createProgressBar(output: Output): ProgressBar {
  let drawn = 0;
  return {
    show({ done, total, text }) {
      if (!output.isTerminal || Date.now() - drawn < EVERY_MS) return;
      drawn = Date.now();
      if (total === null) return output.progress(`${done} bytes, ${text}`);
      const part = total === 0 ? 1 : Math.min(1, done / total);
      const filled = Math.round(part * WIDTH);
      output.progress(`[${'#'.repeat(filled)}${'.'.repeat(WIDTH - filled)}] ${Math.floor(part * 100)}% ${text}`);
    },
    clear: () => output.progress(''),
  };
}
