import type { StreamAnswer } from '../api/reader.ts';
import { checkRoom } from './reply.ts';

export interface StreamPage {
  /** Lines with their line feeds. */
  readonly text: string;
  /** The place of the last line, when more follow. */
  readonly next: string | null;
}

/**
 * As much of a sequence as fits in one message, and as comes in time. A page that is not the last one has at least one
 * line, and does not have what ends the sequence.
 *
 * @throws ConsumerError TOO_LARGE when not even the first line fits
 */
export async function readStreamPage(
  { items }: StreamAnswer,
  { room, maxMs }: { readonly room: number; readonly maxMs: number },
): Promise<StreamPage> {
  const began = performance.now();
  const lines: string[] = [];
  let bytes = 0;
  let last: string | null = null;
  for await (const batch of items) {
    for (const { line, id } of batch) {
      const size = Buffer.byteLength(line) + 1;
      if (last === null) checkRoom(size, room, 'one item');
      else if (bytes + size > room) return { text: lines.join(''), next: last };
      lines.push(`${line}\n`);
      bytes += size;
      // Without a place: the closing line.
      last = id ?? null;
    }
    if (last !== null && performance.now() - began > maxMs) return { text: lines.join(''), next: last };
  }
  return { text: lines.join(''), next: null };
}
