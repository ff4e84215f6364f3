/**
 * What was pushed, as an append-only file of JSON lines that only its owner may read. Crash order:
 *
 * 1. `intent` lines are appended and synced. A crash before the sync may leave part of a line: nothing of it was sent,
 *    and the next run cuts it off.
 * 2. The values are sent. A crash during or after this leaves intents without an outcome: the next run asks the engine
 *    what it has before it sends them again.
 * 3. `confirmed` or `refused` lines are appended and synced. A crash before the sync leaves what 2 leaves.
 *
 * Nothing is ever changed or removed but an unfinished last line.
 */
import { type FileHandle, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { isJsonObject, type Json, type JsonObject, parseJson } from '@waybill/schema/internal';
import { ConsumerError } from '../errors.ts';
import { textMember } from './json-member.ts';
import type { PushValue } from './push-value.ts';

/** Which account of which engine a journal is about. */
export interface JournalTarget {
  readonly engine: string;
  readonly url: string;
  /** Of an engine that tells by the key: `live` or `test`. */
  readonly mode: string | null;
}

/** What is known of one value. */
export interface JournalRecord {
  readonly value: Pick<PushValue, 'id' | 'orgid' | 'meter' | 'name' | 'customer' | 'from' | 'to' | 'value'>;
  /** `intent`: nobody knows whether the engine has it. */
  readonly state: 'intent' | 'confirmed' | 'refused';
  /** Of a refusal: what the engine said. */
  readonly why: string;
}

export interface Journal extends AsyncDisposable {
  /** By id. */
  readonly records: ReadonlyMap<string, JournalRecord>;
  /** Resolves when they are on disk. */
  intend(values: readonly PushValue[]): Promise<void>;
  /** @param how `sent`: the engine accepted it; `found`: the engine had it already */
  confirm(ids: readonly string[], how: 'sent' | 'found'): Promise<void>;
  /** @param why what the engine said */
  refuse(refused: readonly { readonly id: string; readonly why: string }[]): Promise<void>;
}

const KIND = 'waybill-push-journal';
/** What each journal begins with, also one whose first line is not finished. */
const BEGINNING = JSON.stringify({ v: 1, kind: KIND }).slice(0, -1);
const NO_JOURNAL = 'it is no journal of waybill push';
const VALUE_FIELDS = ['id', 'orgid', 'meter', 'name', 'customer', 'from', 'to', 'value'] as const;

/**
 * Opens a journal, or begins one. The caller holds its lock.
 *
 * @param now milliseconds since the epoch, for the times in it; they are for people
 * @throws ConsumerError JOURNAL_DAMAGED naming the line; BAD_ARGUMENT when it is about another account; CANNOT_CREATE
 */
export async function openJournal(file: string, target: JournalTarget, now: () => number): Promise<Journal> {
  const handle = await opened(file);
  try {
    const records = await readRecords(file, handle, target);
    return createJournal({ file, handle, records, now });
  } catch (error) {
    await handle.close();
    throw error;
  }
}

async function opened(file: string): Promise<FileHandle> {
  try {
    // Appends, whatever the position: nothing that is there can be overwritten.
    return await open(file, 'a+', 0o600);
  } catch (cause) {
    throw new ConsumerError('CANNOT_CREATE', `could not open the journal ${file}: ${(cause as Error).message}`, {
      cause,
    });
  }
}

async function readRecords(
  file: string,
  handle: FileHandle,
  target: JournalTarget,
): Promise<Map<string, JournalRecord>> {
  const bytes = await handle.readFile();
  const end = bytes.lastIndexOf(0x0a) + 1;
  const [first = '', ...lines] = bytes.toString('utf8', 0, Math.max(end - 1, 0)).split('\n');
  // Whoever names another file must not lose what is in it: nothing is cut off before the file is known as a journal.
  if (end > 0) checkTarget(file, objectOf(file, 1, first), target);
  else if (!isBeginning(bytes.toString('utf8'))) throw damaged(file, 1, NO_JOURNAL);
  if (end < bytes.length) {
    await handle.truncate(end);
    await handle.sync();
  }
  const records = new Map<string, JournalRecord>();
  if (end === 0) {
    await handle.appendFile(lineOf({ v: 1, kind: KIND, ...target }));
    await handle.sync();
    await syncFolder(dirname(file));
    return records;
  }
  for (const [index, line] of lines.entries()) applyLine(records, { file, number: index + 2, line });
  return records;
}

/** Whether a crash may have left this of a first line. */
function isBeginning(text: string): boolean {
  return BEGINNING.startsWith(text) || text.startsWith(`${BEGINNING},`);
}

/** Without it, the file's name may not survive a crash. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function checkTarget(file: string, header: JsonObject, target: JournalTarget): void {
  if (header['v'] !== 1 || header['kind'] !== KIND) throw damaged(file, 1, NO_JOURNAL);
  const there = {
    engine: textMember(header, 'engine') ?? '',
    url: textMember(header, 'url') ?? '',
    mode: textMember(header, 'mode'),
  };
  if (there.engine === target.engine && there.url === target.url && there.mode === target.mode) return;
  const show = ({ engine, url, mode }: JournalTarget): string =>
    `${engine} at ${url}${mode === null ? '' : ` (${mode})`}`;
  throw new ConsumerError(
    'BAD_ARGUMENT',
    `the journal ${file} is about ${show(there)}, and not about ${show(target)}: give each account its own`,
  );
}

function objectOf(file: string, number: number, line: string): JsonObject {
  let json: Json;
  try {
    json = parseJson(line);
  } catch (error) {
    throw damaged(file, number, (error as Error).message);
  }
  if (isJsonObject(json)) return json;
  throw damaged(file, number, 'it is no object');
}

function applyLine(
  records: Map<string, JournalRecord>,
  { file, number, line }: { file: string; number: number; line: string },
): void {
  const { kind, id, ...fields } = objectOf(file, number, line);
  if (typeof id !== 'string') throw damaged(file, number, 'it has no id');
  const before = records.get(id);
  if (kind === 'intent') {
    const missing = VALUE_FIELDS.find((name) => name !== 'id' && typeof fields[name] !== 'string');
    if (missing !== undefined) throw damaged(file, number, `it has no ${missing}`);
    const value = { ...fields, id } as unknown as JournalRecord['value'];
    records.set(id, { value, state: 'intent', why: '' });
    return;
  }
  if (kind !== 'confirmed' && kind !== 'refused') throw damaged(file, number, `its kind is ${JSON.stringify(kind)}`);
  if (!before) throw damaged(file, number, `it is about ${id}, which has no intent`);
  records.set(id, { ...before, state: kind, why: textMember(fields, 'why') ?? '' });
}

function createJournal({
  file,
  handle,
  records,
  now,
}: {
  file: string;
  handle: FileHandle;
  records: Map<string, JournalRecord>;
  now: () => number;
}): Journal {
  async function append(objects: readonly JsonObject[]): Promise<void> {
    if (objects.length === 0) return;
    const at = new Date(now()).toISOString();
    const text = objects.map((object) => lineOf({ at, ...object })).join('');
    try {
      await handle.appendFile(text);
      await handle.sync();
    } catch (cause) {
      throw new ConsumerError('CANNOT_CREATE', `could not write ${file}: ${(cause as Error).message}`, { cause });
    }
    let number = 0;
    for (const line of text.trimEnd().split('\n')) applyLine(records, { file, number: ++number, line });
  }
  return {
    records,
    intend: (values) =>
      append(
        values.map((value) => ({
          kind: 'intent',
          ...Object.fromEntries(VALUE_FIELDS.map((name) => [name, value[name]])),
        })),
      ),
    confirm: (ids, how) => append(ids.map((id) => ({ kind: 'confirmed', id, how }))),
    refuse: (refused) => append(refused.map(({ id, why }) => ({ kind: 'refused', id, why }))),
    [Symbol.asyncDispose]: () => handle.close(),
  };
}

function lineOf(object: Readonly<Record<string, Json>>): string {
  return `${JSON.stringify(object)}\n`;
}

function damaged(file: string, line: number, why: string): ConsumerError {
  return new ConsumerError('JOURNAL_DAMAGED', `the journal ${file} cannot be used: line ${line}: ${why}`);
}
