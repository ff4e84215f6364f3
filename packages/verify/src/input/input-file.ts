/**
 * The `input/` room: files and pipes as bytes, and what kind of file they look like. Names come in; bytes and lines go
 * out. It judges nothing: a file that looks like a bill may be a bad one.
 *
 * This file opens one of them, in a way that allows to look at its beginning first.
 */
import { createReadStream } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { MAX_LINE_BYTES } from '@waybill/schema/verify';
import { type CommandWords, WAYBILL_VERIFY } from '../command-words.ts';
import { VerifyError } from '../errors.ts';

export interface InputFile {
  readonly name: string;
  /** Bytes; null for a pipe, which cannot be looked at before it is read, and is read once. */
  readonly size: number | null;
  /** The same file under two names has one identity; null for a pipe. */
  readonly identity: string | null;
  /** The beginning: more than the longest line. Of a pipe it may be less, if the first line is a whole JSON value. */
  start(): Promise<Uint8Array>;
  /** All bytes. Reading them throws VerifyError CANNOT_READ naming the file. */
  chunks(): AsyncIterable<Uint8Array>;
}

const STANDARD_INPUT = '-';
const LINE_FEED = 10;
/** Enough to see the first line, and that another one follows it. */
const START_BYTES = MAX_LINE_BYTES + 2;

/** @throws VerifyError CANNOT_READ naming the file */
export async function openInput(name: string, words: CommandWords = WAYBILL_VERIFY): Promise<InputFile> {
  if (name === STANDARD_INPUT) return pipeInput(name, words);
  const file = await reading(name, async () => stat(name));
  if (!file.isFile()) return pipeInput(name, words);
  return {
    name,
    size: file.size,
    identity: `${file.dev}:${file.ino}`,
    start: () => reading(name, () => readStart(name)),
    chunks: () => checked(name, words, createReadStream(name, { highWaterMark: 1 << 20 })),
  };
}

async function readStart(name: string): Promise<Uint8Array> {
  await using file = await open(name, 'r');
  const buffer = Buffer.alloc(START_BYTES);
  let length = 0;
  for (;;) {
    const { bytesRead } = await file.read(buffer, length, START_BYTES - length, length);
    length += bytesRead;
    if (bytesRead === 0 || length === START_BYTES) return buffer.subarray(0, length);
  }
}

function pipeInput(name: string, words: CommandWords): InputFile {
  const held: Uint8Array[] = [];
  let reader: AsyncIterator<Uint8Array> | null = null;
  let start: Promise<Uint8Array> | null = null;

  /** Opened when it is first asked for. */
  function begin(): AsyncIterator<Uint8Array> {
    const open = (): AsyncIterable<Uint8Array> => (name === STANDARD_INPUT ? process.stdin : createReadStream(name));
    reader ??= open()[Symbol.asyncIterator]();
    return reader;
  }

  async function hold(): Promise<Uint8Array> {
    const from = begin();
    let bytes = Buffer.alloc(0);
    while (bytes.length < START_BYTES && !isEnough(bytes)) {
      const { done, value } = await from.next();
      if (done) break;
      held.push(value);
      bytes = Buffer.concat(held);
    }
    return bytes;
  }

  async function* all(): AsyncGenerator<Uint8Array> {
    yield* held;
    const from = begin();
    try {
      for (let next = await from.next(); !next.done; next = await from.next()) yield next.value;
    } finally {
      await from.return?.();
    }
  }

  return {
    name,
    size: null,
    identity: null,
    start: () => (start ??= reading(name, hold)),
    chunks: () => checked(name, words, all()),
  };
}

/** Whether a pipe's beginning shows what it is: who follows a chain should not wait for half a megabyte of it. */
function isEnough(bytes: Buffer): boolean {
  const end = bytes.indexOf(LINE_FEED);
  if (end < 0 || bytes.length === end + 1) return false;
  try {
    JSON.parse(bytes.toString('utf8', 0, end));
    return true;
  } catch {
    return false;
  }
}

async function* checked(
  name: string,
  words: CommandWords,
  chunks: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  try {
    let isFirst = true;
    for await (const chunk of chunks) {
      if (isFirst) checkNotCompressed(name, chunk, words);
      isFirst = false;
      yield chunk;
    }
  } catch (cause) {
    throw unreadable(name, cause);
  }
}

async function reading<T>(name: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (cause) {
    throw unreadable(name, cause);
  }
}

function unreadable(name: string, cause: unknown): VerifyError {
  if (cause instanceof VerifyError) return cause;
  const { code, message } = cause as NodeJS.ErrnoException;
  const why = code === 'EISDIR' ? 'it is a folder: give the files in it' : message;
  return new VerifyError('CANNOT_READ', `could not read ${name}: ${why}`, { cause });
}

/**
 * Formats in which log rotation compresses files, by their first bytes, and the program that prints them. Neither an
 * entry nor a bill begins so.
 */
const COMPRESSED: readonly (readonly [magic: string, format: string, program: string])[] = [
  ['1f8b', 'gzip', 'zcat'],
  ['28b52ffd', 'zstd', 'zstdcat'],
  ['fd377a585a00', 'xz', 'xzcat'],
  ['425a68', 'bzip2', 'bzcat'],
  ['504b0304', 'zip', 'unzip -p'],
];

/** A compressed file would otherwise look like one that was tampered with. @throws VerifyError CANNOT_READ */
export function checkNotCompressed(name: string, start: Uint8Array, { command, fileOption }: CommandWords): void {
  const hex = Buffer.from(start.subarray(0, 8)).toString('hex');
  const [, format, program] = COMPRESSED.find(([magic]) => hex.startsWith(magic)) ?? [];
  if (format === undefined) return;
  const instead = name === STANDARD_INPUT ? `${program} FILE | ${command} -` : `${fileOption}<(${program} ${name})`;
  throw new VerifyError('CANNOT_READ', `could not read ${name}: it is compressed by ${format}; use ${instead}`);
}
