import { printable, printableJson } from '@waybill/schema';
import { ConsumerError } from '../errors.ts';

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
  // Each write hears of its own; without a listener they would end the process with a stack, and 1 means something here.
  stdout.on('error', () => gone.abort());
  // There is nobody left to be told.
  stderr.on('error', () => undefined);
  let drawn = false;

  async function write(text: string): Promise<void> {
    if (gone.signal.aborted) throw new ReaderGone();
    const failure = await new Promise<NodeJS.ErrnoException | null>((resolve) => {
      stdout.write(text, (error) => resolve(error ?? null));
    });
    if (failure === null) return;
    gone.abort();
    if (failure.code === 'EPIPE') throw new ReaderGone();
    throw new ConsumerError('CANNOT_WRITE', `could not write to the standard output: ${failure.message}`, {
      cause: failure,
    });
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
