/** What people see while it runs: lines that stay, and on a terminal one line that keeps changing. */
export interface StatusLine {
  /** A line that stays. */
  say(line: string): void;
  /** What is going on. On a terminal it replaces what was shown before; elsewhere it is a line every few seconds. */
  show(text: () => string): void;
}

const TERMINAL_EVERY_MS = 100;
const LOG_EVERY_MS = 3_000;

export function createStatusLine(stream: NodeJS.WriteStream): StatusLine {
  let shownAt = performance.now();
  let drawn = false;
  return {
    say(line) {
      // Back to the first column, and the rest of the line erased.
      stream.write(drawn ? `\r\u001B[K${line}\n` : `${line}\n`);
      drawn = false;
    },
    show(text) {
      const now = performance.now();
      if (now - shownAt < (stream.isTTY ? TERMINAL_EVERY_MS : LOG_EVERY_MS)) return;
      shownAt = now;
      stream.write(stream.isTTY ? `\r\u001B[K${text().slice(0, (stream.columns || 80) - 1)}` : `${text()}\n`);
      drawn = stream.isTTY;
    },
  };
}
