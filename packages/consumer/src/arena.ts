/**
 * Memory for the lines of one batch: appended once, as UTF-8, and copied once, into the block that is sent. As strings
 * they would be joined, encoded and packed again, and stay on the heap, where the garbage collector moves them about.
 */

/** Pieces of memory that batches take and give back: what is left to the garbage collector is given back much later. */
export interface ArenaPool {
  readonly free: Buffer[];
}

const PIECE_BYTES = 1024 * 1024;
/** Of UTF-8 for one UTF-16 code unit, at most. */
const MAX_UTF8_PER_UNIT = 3;

export interface Arena {
  /** Bytes of all lines. */
  readonly bytes: number;
  /**
   * Appends a line, given in pieces.
   *
   * @param after the line that it follows in its block, -1 for the first
   * @returns its number
   */
  append(pieces: readonly string[], after: number): number;
  /** Without its line feed. */
  lengthOf(line: number): number;
  /** Copies the lines of a block, each with a line feed. @returns how many bytes that were */
  copyBlock(first: number, target: Buffer): number;
  /** Gives its memory back to the pool. The arena is good for nothing any more. */
  release(): void;
}

interface Piece {
  /** Of its first byte in the arena. */
  readonly start: number;
  readonly memory: Buffer;
}

const LINE_FEED = 10;
const NONE = 0xffff_ffff;

export function createArena(pool: ArenaPool): Arena {
  let memories: Piece[] = [];
  let piece: Piece = { start: 0, memory: Buffer.alloc(0) };
  let bytes = 0;
  let lines = 0;
  /** Of each line: where it starts, how long it is, and which line of its block comes next. */
  let index = new Uint32Array(3 * 1_024);

  function addPiece(least: number): void {
    const memory = (least <= PIECE_BYTES && pool.free.pop()) || Buffer.allocUnsafeSlow(Math.max(PIECE_BYTES, least));
    piece = { start: bytes, memory };
    memories.push(piece);
  }

  /** The piece that has a byte. */
  function pieceAt(start: number, near: number): number {
    let at = near;
    while ((memories[at] as Piece).start > start) at--;
    while (at + 1 < memories.length && (memories[at + 1] as Piece).start <= start) at++;
    return at;
  }

  return {
    get bytes() {
      return bytes;
    },
    append(pieces, after) {
      let most = 0;
      for (const text of pieces) most += text.length * MAX_UTF8_PER_UNIT;
      if (piece.memory.length - (bytes - piece.start) < most) addPiece(most);
      if (index.length === 3 * lines) {
        const larger = new Uint32Array(2 * index.length);
        larger.set(index);
        index = larger;
      }
      let at = bytes - piece.start;
      for (const text of pieces) at += piece.memory.write(text, at, 'utf8');
      const length = at - (bytes - piece.start);
      index[3 * lines] = bytes;
      index[3 * lines + 1] = length;
      index[3 * lines + 2] = NONE;
      if (after >= 0) index[3 * after + 2] = lines;
      bytes += length;
      return lines++;
    },
    lengthOf: (line) => index[3 * line + 1] as number,
    copyBlock(first, target) {
      let at = 0;
      let from = 0;
      for (let line = first; line !== NONE; line = index[3 * line + 2] as number) {
        const start = index[3 * line] as number;
        const length = index[3 * line + 1] as number;
        from = pieceAt(start, from);
        const { start: base, memory } = memories[from] as Piece;
        memory.copy(target, at, start - base, start - base + length);
        at += length;
        target[at++] = LINE_FEED;
      }
      return at;
    },
    release() {
      for (const { memory } of memories) if (memory.length === PIECE_BYTES) pool.free.push(memory);
      memories = [];
    },
  };
}
