/**
 * Cuts a ledger into lines of bytes. Lines are cut before they are decoded, so that no changed byte can hide in a
 * U+FFFD.
 */
import { MAX_BLOCK_BYTES } from '../ledger/block.ts';

/** The longest line, without its line feed. No entry is longer than a block. */
export const MAX_LINE_BYTES = MAX_BLOCK_BYTES;

const LINE_FEED = 10;

export interface LineSplitter {
  /**
   * The lines that end in this chunk, without line feeds. Most are views of the chunk: use them before its memory
   * changes.
   */
  push(chunk: Uint8Array): Uint8Array[];
  /** The last line, when the input does not end with a line feed; null: it does. */
  finish(): Uint8Array | null;
}

/**
 * Cuts a stream of bytes into lines, in bounded memory. Of a line longer than `MAX_LINE_BYTES` it gives one byte more
 * than that and drops the rest, which is enough for `ChainVerifier.pushBytes` to reject it.
 */
export function createLineSplitter(): LineSplitter {
  let parts: Uint8Array[] = [];
  let length = 0;

  function keep(part: Uint8Array): void {
    const room = MAX_LINE_BYTES + 1 - length;
    if (room <= 0 || part.length === 0) return;
    // slice() copies, because the chunk belongs to the caller.
    const kept = part.slice(0, room);
    parts.push(kept);
    length += kept.length;
  }

  function takeKept(): Uint8Array {
    const line = new Uint8Array(length);
    let offset = 0;
    for (const part of parts) {
      line.set(part, offset);
      offset += part.length;
    }
    parts = [];
    length = 0;
    return line;
  }

  return {
    push(chunk) {
      const lines: Uint8Array[] = [];
      let start = 0;
      for (let end = chunk.indexOf(LINE_FEED); end >= 0; end = chunk.indexOf(LINE_FEED, start)) {
        if (length === 0) {
          lines.push(chunk.subarray(start, Math.min(end, start + MAX_LINE_BYTES + 1)));
        } else {
          keep(chunk.subarray(start, end));
          lines.push(takeKept());
        }
        start = end + 1;
      }
      keep(chunk.subarray(start));
      return lines;
    },
    finish() {
      return length > 0 ? takeKept() : null;
    },
  };
}
