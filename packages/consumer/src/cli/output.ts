import { printable, printableJson } from '@waybill/schema';
import { once } from 'node:events';

/** Where a command writes. Results go to stdout, everything for people beside them to stderr. */
export interface Output {
  /** Whole lines, as they are: for programs, and texts of our own. Waits while the reader is slow. */
  lines(lines: Iterable<string>): Promise<void>;
  /** Whole lines for people, whatever is in them. */
  text(lines: Iterable<string>): Promise<void>;
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

  async function writeLines(lines: Iterable<string>): Promise<void> {
    let text = '';
    for (const line of lines) text += `${line}\n`;
    if (text !== '') await write(text);
  }

  return {
    lines: writeLines,
    text: (lines) => writeLines(Array.from(lines, printable)),
    json: (value) => write(`${printableJson(JSON.stringify(value, null, stdout.isTTY ? 2 : 0))}\n`),
    note(line) {
      stderr.write(`${printable(line)}\n`);
    },
    progress(line) {
      if (!stderr.isTTY || (line === '' && !drawn)) return;
      // Back to the first column, and the rest of the line erased.
      stderr.write(`\r\u001B[K${printable(line)}`);
      drawn = line !== '';
    },
    isTerminal: stderr.isTTY,
    readerGone: gone.signal,
  };
}
