/** Reads the parts of one chain, such as rotated files, as one stream of bytes in the order of their entries. */
import { createReadStream } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { MAX_LINE_BYTES } from '@waybill/schema/internal';
import { ConsumerError } from '../errors.ts';

export interface ChainFiles {
  /** Bytes of all files; null when unknown. */
  readonly total: number | null;
  readonly chunks: AsyncIterable<Uint8Array>;
}

const STANDARD_INPUT = '-';
const LINE_FEED = 10;

/** @throws ConsumerError CANNOT_READ naming the file; reading `chunks` throws it too */
export async function readFiles(names: readonly string[]): Promise<ChainFiles> {
  const stats = await Promise.all(
    names.map((name) => reading(name, async (path) => (path === STANDARD_INPUT ? null : stat(path)))),
  );
  const total = stats.reduce<number | null>((sum, file) => (sum === null || !file ? null : sum + file.size), 0);
  // A pipe cannot be looked at before it is read: then the order is the caller's.
  const keepsOrder = names.length === 1 || !stats.every((file) => file?.isFile());
  return { total, chunks: joined(keepsOrder ? names : await inOrder(names)) };
}

/** Sorted by the number of the first entry; as given when one of them begins with something else. */
async function inOrder(names: readonly string[]): Promise<string[]> {
  const firsts = await Promise.all(names.map(async (name) => ({ name, seq: await reading(name, firstSeq) })));
  if (firsts.some(({ seq }) => seq === null)) return [...names];
  return firsts.toSorted((a, b) => (a.seq ?? 0) - (b.seq ?? 0)).map(({ name }) => name);
}

/** An empty file comes last: nothing was written to it yet after a rotation. */
async function firstSeq(name: string): Promise<number | null> {
  await using file = await open(name, 'r');
  const { bytesRead, buffer } = await file.read(Buffer.alloc(MAX_LINE_BYTES), 0, MAX_LINE_BYTES, 0);
  if (bytesRead === 0) return Number.MAX_SAFE_INTEGER;
  checkNotCompressed(name, buffer);
  const [line = ''] = buffer.toString('utf8', 0, bytesRead).split('\n', 1);
  try {
    const { core } = JSON.parse(line) as { core: { seq: unknown } };
    return Number.isSafeInteger(core.seq) ? (core.seq as number) : null;
  } catch {
    return null;
  }
}

/** Puts one line feed between two files, however the first of them ends. */
async function* joined(names: readonly string[]): AsyncGenerator<Uint8Array> {
  for (const [i, name] of names.entries()) {
    const isLast = i === names.length - 1;
    yield* isLast ? chunksOf(name) : withoutEmptyLines(chunksOf(name));
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

async function* chunksOf(name: string): AsyncGenerator<Uint8Array> {
  const stream = name === STANDARD_INPUT ? process.stdin : createReadStream(name, { highWaterMark: 1 << 20 });
  try {
    let isFirst = true;
    for await (const chunk of stream as AsyncIterable<Uint8Array>) {
      if (isFirst) checkNotCompressed(name, chunk);
      isFirst = false;
      yield chunk;
    }
  } catch (cause) {
    throw cause instanceof ConsumerError ? cause : unreadable(name, cause);
  }
}

async function reading<T>(name: string, read: (name: string) => Promise<T>): Promise<T> {
  try {
    return await read(name);
  } catch (cause) {
    throw cause instanceof ConsumerError ? cause : unreadable(name, cause);
  }
}

/**
 * Formats in which log rotation compresses files, by their first bytes, and the program that prints them. No entry
 * begins so.
 */
const COMPRESSED: readonly (readonly [magic: string, format: string, program: string])[] = [
  ['1f8b', 'gzip', 'zcat'],
  ['28b52ffd', 'zstd', 'zstdcat'],
  ['fd377a585a00', 'xz', 'xzcat'],
  ['425a68', 'bzip2', 'bzcat'],
];

/** A compressed part would otherwise look like one that was tampered with. @throws ConsumerError CANNOT_READ */
function checkNotCompressed(name: string, start: Uint8Array): void {
  const hex = Buffer.from(start.subarray(0, 8)).toString('hex');
  const [, format, program] = COMPRESSED.find(([magic]) => hex.startsWith(magic)) ?? [];
  if (format === undefined) return;
  const instead =
    name === STANDARD_INPUT ? `${program} FILE | waybill verify --file -` : `--file <(${program} ${name})`;
  throw new ConsumerError('CANNOT_READ', `could not read ${name}: it is compressed by ${format}; use ${instead}`);
}

function unreadable(name: string, cause: unknown): ConsumerError {
  return new ConsumerError('CANNOT_READ', `could not read ${name}: ${(cause as Error).message}`, { cause });
}
