/** Estimates how much memory pending events take, and bounds it. */
import type { AccountBook } from './accounts.ts';

/** The object of an event, its other strings and its places in queues. */
const OBJECT_BYTES = 512;

/** V8 keeps a text with any character beyond Latin-1 in two bytes a character. @param bytes of the text as UTF-8 */
export function memoryOf(text: string, bytes: number): number {
  return OBJECT_BYTES + (bytes === text.length ? bytes : Math.max(bytes, 2 * text.length));
}

/** Before there is a text. @param bytes as UTF-8 @param wide what V8 needs beyond that */
export function estimatedMemory(bytes: number, wide: number): number {
  return OBJECT_BYTES + bytes + wide;
}

export class MemoryBounds {
  readonly #book: AccountBook;
  readonly #maxEvents: number;
  readonly #maxBytes: number;

  constructor(book: AccountBook, maxEvents: number, maxBytes: number) {
    this.#book = book;
    this.#maxEvents = maxEvents;
    this.#maxBytes = maxBytes;
  }

  /** Whether one more event fits. @param share of the bounds that may be used, 0 to 1 */
  hasRoom(bytes: number, share: number): boolean {
    return this.#book.pending < this.#maxEvents * share && this.#book.bytes + bytes <= this.#maxBytes * share;
  }
}
