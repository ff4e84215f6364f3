import { once } from 'node:events';

/** Where a command writes. Results go to stdout, everything for people beside them to stderr. */
export interface Output {
  /** Whole lines. Waits while the reader is slow. */
  lines(lines: Iterable<string>): Promise<void>;
  json(value: unknown): Promise<void>;
  /** A line for people. */
  note(line: string): void;
  /** A line that replaces the one before; only on a terminal. An empty one clears it. */
  progress(line: string): void;
  readonly isTerminal: boolean;
  /** Aborted when it is known that nobody reads any more: of a closed pipe, that is the first write after it was closed. */
  readonly readerGone: AbortSignal;
}

/** Thrown when nobody reads any more (`| head`): not an error. */
export class ReaderGone extends Error {}

export function createOutput(stdout: NodeJS.WriteStream, stderr: NodeJS.WriteStream): Output {
  const gone = new AbortController();
  stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    gone.abort();
  });
  let drawn = false;

  async function write(text: string): Promise<void> {
    if (gone.signal.aborted) throw new ReaderGone();
    if (stdout.write(text) || gone.signal.aborted) return;
    await Promise.race([once(stdout, 'drain'), once(stdout, 'close')]).catch(() => undefined);
  }

  return {
    async lines(lines) {
      let text = '';
      for (const line of lines) text += `${line}\n`;
      if (text !== '') await write(text);
    },
    json: (value) => write(`${JSON.stringify(value, null, stdout.isTTY ? 2 : 0)}\n`),
    note(line) {
      stderr.write(`${line}\n`);
    },
    progress(line) {
      if (!stderr.isTTY || (line === '' && !drawn)) return;
      // Back to the first column, and the rest of the line erased.
      stderr.write(`\r\u001B[K${line}`);
      drawn = line !== '';
    },
    isTerminal: stderr.isTTY,
    readerGone: gone.signal,
  };
}
