/** Reads the parts of one chain, such as rotated files, as one stream of bytes in the order of their entries. */
import { type CommandWords, WAYBILL_VERIFY } from '../command-words.ts';
import { checkNotCompressed, type InputFile, openInput } from './input-file.ts';

export interface ChainFiles {
  /** Bytes of all files; null when unknown. */
  readonly total: number | null;
  readonly chunks: AsyncIterable<Uint8Array>;
}

const LINE_FEED = 10;

/** @throws VerifyError CANNOT_READ naming the file; reading `chunks` throws it too */
export async function readFiles(names: readonly string[], words: CommandWords = WAYBILL_VERIFY): Promise<ChainFiles> {
  return joinFiles(await Promise.all(names.map(async (name) => openInput(name, words))), words);
}

/** @throws VerifyError CANNOT_READ naming the file; reading `chunks` throws it too */
export async function joinFiles(files: readonly InputFile[], words: CommandWords): Promise<ChainFiles> {
  const total = files.reduce<number | null>((sum, { size }) => (sum === null || size === null ? null : sum + size), 0);
  return { total, chunks: joined(await inOrder(files, words)) };
}

/**
 * Sorted by the number of the first entry; as given when one of them begins with something else, or is a pipe: that
 * one cannot be looked at before it is read.
 */
export async function inOrder(files: readonly InputFile[], words: CommandWords): Promise<readonly InputFile[]> {
  if (files.length === 1 || files.some(({ size }) => size === null)) return files;
  const firsts = await Promise.all(files.map(async (file) => ({ file, seq: await firstSeq(file, words) })));
  if (firsts.some(({ seq }) => seq === null)) return files;
  return firsts.toSorted((a, b) => (a.seq ?? 0) - (b.seq ?? 0)).map(({ file }) => file);
}

/** An empty file comes last: nothing was written to it yet after a rotation. */
async function firstSeq(file: InputFile, words: CommandWords): Promise<number | null> {
  const start = await file.start();
  if (start.length === 0) return Number.MAX_SAFE_INTEGER;
  checkNotCompressed(file.name, start, words);
  const [line = ''] = Buffer.from(start).toString('utf8').split('\n', 1);
  try {
    const { core } = JSON.parse(line) as { core: { seq: unknown } };
    return Number.isSafeInteger(core.seq) ? (core.seq as number) : null;
  } catch {
    return null;
  }
}

/** Puts one line feed between two files, however the first of them ends. */
async function* joined(files: readonly InputFile[]): AsyncGenerator<Uint8Array> {
  for (const [i, file] of files.entries()) {
    const isLast = i === files.length - 1;
    yield* isLast ? file.chunks() : withoutEmptyLines(file.chunks());
  }
}

/** Ends with exactly one line feed, unless there are no other bytes. */
async function* withoutEmptyLines(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let held = 0;
  let isEmpty = true;
  for await (const chunk of chunks) {
    let end = chunk.length;
    while (end > 0 && chunk[end - 1] === LINE_FEED) end--;
    if (end > 0) {
      if (held > 0) yield new Uint8Array(held).fill(LINE_FEED);
      held = 0;
      isEmpty = false;
      yield chunk.subarray(0, end);
    }
    held += chunk.length - end;
  }
  if (!isEmpty) yield Uint8Array.of(LINE_FEED);
}
