/**
 * Memory for the lines of blocks that are not stored yet. A line is written once, as UTF-8, and copied once, into the
 * block that is sent. As strings, lines would be joined, encoded and copied again, and the garbage collector would move
 * them.
 *
 * The memory is in pages, because thousands of blocks grow side by side, and each frees its memory at another time.
 */

/** The lines of one block, each with its line feed. Only `LinePages` changes it. */
export interface Lines {
  /** Numbers of its first and last page, -1 while it has none. */
  first: number;
  last: number;
  bytes: number;
}

export interface LinePages {
  /** Appends a line and its line feed. @param pieces of the line */
  append(lines: Lines, pieces: readonly string[]): void;
  /** Copies the lines to the start of a buffer. @returns how many bytes they have */
  copy(lines: Lines, target: Buffer): number;
  /** Frees a block's pages for other blocks. */
  release(lines: Lines): void;
  /** How many pages blocks have. */
  readonly used: number;
}

/** On average, half a page of each block stays empty. */
const PAGE_BYTES = 2_048;
const SLAB_PAGES = 512;
/** One UTF-16 code unit has so many bytes in UTF-8, at most. */
const MAX_UTF8_PER_UNIT = 3;
const LINE_FEED = 10;
const NONE = -1;

export function noLines(): Lines {
  return { first: NONE, last: NONE, bytes: 0 };
}

export function createLinePages(): LinePages {
  /** Memory that pages are cut out of. */
  const slabs: Buffer[] = [];
  /** For each page: the page after it in its block, or in the list of free pages. */
  let next = new Int32Array(0);
  let free = NONE;
  let used = 0;
  let scratch = Buffer.allocUnsafeSlow(4 * PAGE_BYTES);

  function addSlab(): void {
    const start = slabs.length * SLAB_PAGES;
    slabs.push(Buffer.allocUnsafeSlow(SLAB_PAGES * PAGE_BYTES));
    const larger = new Int32Array(start + SLAB_PAGES);
    larger.set(next);
    for (let page = start; page < larger.length; page++) larger[page] = page + 1;
    larger[larger.length - 1] = free;
    free = start;
    next = larger;
  }

  function addPage(lines: Lines): void {
    if (free === NONE) addSlab();
    const page = free;
    free = next[page] as number;
    next[page] = NONE;
    if (lines.last === NONE) lines.first = page;
    else next[lines.last] = page;
    lines.last = page;
    used++;
  }

  return {
    append(lines, pieces) {
      let most = 1;
      for (const text of pieces) most += text.length * MAX_UTF8_PER_UNIT;
      if (scratch.length < most) scratch = Buffer.allocUnsafeSlow(most);
      let length = 0;
      for (const text of pieces) length += scratch.write(text, length, 'utf8');
      scratch[length++] = LINE_FEED;
      for (let from = 0; from < length;) {
        const filled = lines.bytes % PAGE_BYTES;
        if (filled === 0) addPage(lines);
        const part = Math.min(PAGE_BYTES - filled, length - from);
        const slab = slabs[Math.floor(lines.last / SLAB_PAGES)] as Buffer;
        scratch.copy(slab, (lines.last % SLAB_PAGES) * PAGE_BYTES + filled, from, from + part);
        lines.bytes += part;
        from += part;
      }
    },
    copy(lines, target) {
      let at = 0;
      for (let page = lines.first; page !== NONE; page = next[page] as number) {
        const start = (page % SLAB_PAGES) * PAGE_BYTES;
        const part = Math.min(PAGE_BYTES, lines.bytes - at);
        (slabs[Math.floor(page / SLAB_PAGES)] as Buffer).copy(target, at, start, start + part);
        at += part;
      }
      return at;
    },
    release(lines) {
      if (lines.first === NONE) return;
      used -= Math.ceil(lines.bytes / PAGE_BYTES);
      next[lines.last] = free;
      free = lines.first;
      lines.first = NONE;
      lines.last = NONE;
      lines.bytes = 0;
    },
    get used() {
      return used;
    },
  };
}
