/** Keeps those lines of a file that a hint may be about, while the file is verified. */
import { createLineSplitter } from '@waybill/schema/verify';

export interface WatchedLines {
  /** A line by its index, as bytes without its line feed; null when it is not kept, or when there is none. */
  at(index: number): Uint8Array | null;
  /** The line ends the file, and has no line feed after it. */
  isUnfinished(index: number): boolean;
}

/** The first lines of a file, which are always kept. */
const FIRST_LINES = 2;

/**
 * Passes chunks on. Verification stops at the chunk in which a line is bad, so that the lines of the last chunk and the
 * first ones of the file are all that is ever asked for.
 */
export function watchLines(
  chunks: AsyncIterable<Uint8Array>,
): WatchedLines & { readonly chunks: AsyncIterable<Uint8Array> } {
  const splitter = createLineSplitter();
  const first: Uint8Array[] = [];
  /** The lines of the last chunk, and the index of the first of them. */
  let lines: readonly Uint8Array[] = [];
  let begin = 0;
  let tail: Uint8Array | null | undefined;

  async function* passing(): AsyncGenerator<Uint8Array> {
    for await (const chunk of chunks) {
      begin += lines.length;
      lines = splitter.push(chunk);
      for (let i = 0; first.length < FIRST_LINES && i < lines.length; i++) first.push(lines[i] as Uint8Array);
      yield chunk;
    }
  }

  /** The bytes after the last line feed. Asked for when the verification has ended. */
  function rest(): Uint8Array | null {
    if (tail === undefined) tail = splitter.finish();
    return tail;
  }

  return {
    chunks: passing(),
    at(index) {
      if (index === begin + lines.length) return rest();
      return first[index] ?? lines[index - begin] ?? null;
    },
    isUnfinished: (index) => index === begin + lines.length && rest() !== null,
  };
}
