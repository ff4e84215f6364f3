/**
 * Which kind of file this looks like, by its beginning. The table has a row for each kind; the first that fits counts.
 * Damage must not turn one kind into another: a bill whose end is cut off still looks like a bill, and is a bad one.
 */
import { isJsonObject, type JsonObject } from '@waybill/schema/verify';

/** What judges the file. */
type FileJudge = 'replay' | 'bill' | 'receipt';

export interface FileKind {
  readonly judge: FileJudge;
  /** What the file was taken for, in words for people. */
  readonly phrase: string;
  /** It may be the part of a chain, too: what it is depends on what is given with it. */
  readonly isLoneEntry?: true;
  /** It is nothing to judge: what to give it as. */
  readonly option?: string;
}

interface KindRow extends FileKind {
  fits(beginning: Beginning): boolean;
}

interface Beginning {
  /** Decoded leniently, without a byte order mark. */
  readonly text: string;
  /** The first JSON value: the whole text, or the first line of it. */
  readonly value: JsonObject | null;
  /** Nothing follows the value. */
  readonly isAlone: boolean;
}

const KINDS: readonly KindRow[] = [
  {
    judge: 'replay',
    phrase: 'heads of chains',
    option: '--expect-file HEADS',
    fits: ({ text, value }) =>
      value === null
        ? /^\[\s*\{\s*"orgid"\s*:/.test(text)
        : 'orgid' in value && 'seq' in value && 'hash' in value && !('core' in value),
  },
  {
    judge: 'replay',
    phrase: 'a public key',
    option: '--key KEY (the text in it) for a bill, --signer ID=KEY for signed events',
    fits: ({ text }) => /^([^\s=]{1,128}=)?[A-Za-z0-9+/]{43}=$/.test(text),
  },
  {
    judge: 'bill',
    phrase: 'a bill',
    fits: ({ text, value }) =>
      value !== null ? value['kind'] === 'bill' || 'statement' in value : /^\{\s*"(anchors|statement)"\s*:/.test(text),
  },
  {
    judge: 'receipt',
    phrase: 'an event, which is a receipt if it is signed',
    fits: ({ text, value }) =>
      value !== null
        ? 'specversion' in value || 'signature' in value || value['EventType'] === 'AUDIT_EVENT'
        : !text.startsWith('{"core":') && /^\{[^]{0,65536}"specversion"\s*:/.test(text),
  },
  {
    judge: 'receipt',
    phrase: 'one entry out of a chain, which is a receipt if its event is signed',
    isLoneEntry: true,
    fits: ({ value, isAlone }) => isAlone && seqOf(value) > 1,
  },
  {
    judge: 'replay',
    phrase: 'a replay',
    fits: ({ text, value }) => (value !== null && 'core' in value) || /^[\s[]*\{\s*"core"\s*:/.test(text),
  },
];

/** It is judged as a replay, which says that it is unreadable. A slice from the middle of a replay looks like this. */
const UNKNOWN: FileKind = { judge: 'replay', phrase: 'no bill and no receipt, so it has to be a replay' };
const EMPTY: FileKind = { judge: 'replay', phrase: 'an empty file' };

/** @param start the beginning of the file, at least its first line */
export function kindOfFile(start: Uint8Array): FileKind {
  const text = decode(start).trim();
  if (text === '') return EMPTY;
  const beginning = readBeginning(text);
  return KINDS.find((row) => row.fits(beginning)) ?? UNKNOWN;
}

/** An editor may have written UTF-16, or a byte order mark. The judge sees these bytes, and says what is wrong. */
function decode(start: Uint8Array): string {
  const [a, b] = start;
  const encoding = a === 0xff && b === 0xfe ? 'utf-16le' : a === 0xfe && b === 0xff ? 'utf-16be' : 'utf-8';
  return new TextDecoder(encoding).decode(start);
}

function readBeginning(text: string): Beginning {
  const whole = parseObject(text);
  if (whole) return { text, value: whole, isAlone: true };
  const [line = ''] = text.split('\n', 1);
  return { text, value: parseObject(line), isAlone: false };
}

function parseObject(text: string): JsonObject | null {
  try {
    const value: unknown = JSON.parse(text);
    return isJsonObject(value) ? value : null;
  } catch {
    return null;
  }
}

function seqOf(value: JsonObject | null): number {
  const core = value?.['core'];
  const seq = core !== undefined && isJsonObject(core) ? core['seq'] : 0;
  return typeof seq === 'number' && Number.isSafeInteger(seq) ? seq : 0;
}
