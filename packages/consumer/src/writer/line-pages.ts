/**
 * Memory for the lines of blocks that are not stored yet: written once, as UTF-8, and copied once, into the block that is
 * sent. As strings they would be joined, encoded and packed again, and stay on the heap, where the garbage collector moves
 * them about. In pages, because thousands of blocks grow side by side, and each gives its memory back at another time.
 */

/** The lines of one block, each with its line feed. Nobody but `LinePages` writes here. */
export interface Lines {
  /** LinePages, -1 while there are none. */
  first: number;
  last: number;
  bytes: number;
}

export interface LinePages {
  /** Appends a line, given in pieces. */
  append(lines: Lines, pieces: readonly string[]): void;
  /** @returns how many bytes that were */
  copy(lines: Lines, target: Buffer): number;
  /** Gives the memory of a block back, for others. */
  release(lines: Lines): void;
  /** LinePages that blocks have. */
  readonly used: number;
}

/** Half a page of each block is empty, on average. */
const PAGE_BYTES = 2_048;
const SLAB_PAGES = 512;
/** Of UTF-8 for one UTF-16 code unit, at most. */
const MAX_UTF8_PER_UNIT = 3;
const LINE_FEED = 10;
const NONE = -1;

export function noLines(): Lines {
  return { first: NONE, last: NONE, bytes: 0 };
}

export function createLinePages(): LinePages {
  /** What pages are cut out of. */
  const slabs: Buffer[] = [];
  /** The page after each, in its block or among the free ones. */
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
