/**
 * Memory for the lines of one batch: appended once, as UTF-8, and copied once, into the block that is sent. As strings
 * they would be joined, encoded and packed again, and stay on the heap, where the garbage collector moves them about.
 */
const PIECE_BYTES = 1024 * 1024;
/** Of UTF-8 for one UTF-16 code unit, at most. */
const MAX_UTF8_PER_UNIT = 3;

export interface Arena {
  /** Bytes appended so far; where the next text begins. */
  readonly length: number;
  append(text: string): void;
  /** Copies a text that was appended at `start`, of so many bytes, to `target`. */
  copy(start: number, bytes: number, target: Uint8Array, at: number): void;
}

interface Piece {
  /** Of its first byte in the arena. */
  readonly start: number;
  readonly memory: Buffer;
}

export function createArena(): Arena {
  const pieces: Piece[] = [];
  let piece: Piece = { start: 0, memory: Buffer.alloc(0) };
  let length = 0;
  /** The piece that was read last: texts are read in order, chain by chain. */
  let read = 0;

  return {
    get length() {
      return length;
    },
    append(text) {
      let at = length - piece.start;
      if (piece.memory.length - at < text.length * MAX_UTF8_PER_UNIT) {
        const bytes = Math.max(PIECE_BYTES, text.length * MAX_UTF8_PER_UNIT);
        piece = { start: length, memory: Buffer.allocUnsafeSlow(bytes) };
        pieces.push(piece);
        at = 0;
      }
      length += piece.memory.write(text, at, 'utf8');
    },
    copy(start, bytes, target, at) {
      if (start < (pieces[read] as Piece).start) read = 0;
      while (read + 1 < pieces.length && (pieces[read + 1] as Piece).start <= start) read++;
      const { start: first, memory } = pieces[read] as Piece;
      memory.copy(target, at, start - first, start - first + bytes);
    },
  };
}
