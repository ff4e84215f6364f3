import { printable, printableJson } from '@waybill/schema/verify';
import { VerifyError } from '../errors.ts';

/** Where a command writes. Results go to stdout, notes for people to stderr. */
export interface Output {
  /** Writes whole lines unchanged: for programs, and for texts of our own. Waits while the reader is slow. */
  lines(lines: Iterable<string>): Promise<void>;
  /** Writes whole lines for people. Control characters are escaped. */
  text(lines: Iterable<string>): Promise<void>;
  json(value: unknown): Promise<void>;
  /** Writes a line for people to stderr. */
  note(line: string): void;
  /** Replaces the progress line; only on a terminal. An empty one clears it. */
  progress(line: string): void;
  readonly isTerminal: boolean;
  /** Aborted when nobody reads any more. A closed pipe shows at the first write after it was closed. */
  readonly readerGone: AbortSignal;
}

/** Thrown when nobody reads any more (`| head`): not an error. */
export class ReaderGone extends Error {}

export function createOutput(stdout: NodeJS.WriteStream, stderr: NodeJS.WriteStream): Output {
  const gone = new AbortController();
  // Each write gets its own error too. Without a listener, an error would end the process with a stack and exit code 1,
  // which has a meaning here.
  stdout.on('error', () => gone.abort());
  // Nobody is left who could be told.
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
    throw new VerifyError('CANNOT_WRITE', `could not write to the standard output: ${failure.message}`, {
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
      // To the first column, and erase the rest of the line.
      stderr.write(`\r\u001B[K${printable(line)}`);
      drawn = line !== '';
    },
    isTerminal: stderr.isTTY,
    readerGone: gone.signal,
  };
}

/** JSON with all other characters escaped, so that the escaping of texts for people changes nothing in it. */
export function asciiJson(value: unknown): string {
  return JSON.stringify(value).replaceAll(
    /[\u007f-\uffff]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
