/**
 * A bill's file. It is complete or absent, and it is never overwritten: a customer may have it.
 *
 * The text is written under a name of its own, synced, and then linked to the bill's name. A crash before that leaves a
 * file that begins with a dot, which nothing reads; the next run writes another one. A crash after it leaves the bill.
 */
import { type Bill, canonicalJson, formatBill, parseBill, SchemaError, statementText } from '@waybill/schema';
import { type Json, organizationFileName } from '@waybill/schema/internal';
import { randomBytes } from 'node:crypto';
import { link, mkdir, open, readFile, rename, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { ConsumerError } from '../errors.ts';

export interface KeptBill {
  readonly orgid: string;
  readonly file: string;
  /** `unchanged`: the file had this statement and this signature already. */
  readonly state: 'written' | 'unchanged';
}

const EXTENSION = '.bill.json';

/** `acme.2026-11.bill.json`; without a period its ends, without colons. */
function billFileName({ statement: { orgid, period, from, to } }: Bill): string {
  const when = period ?? `${from}_${to}`.replaceAll(':', '');
  return `${organizationFileName(orgid)}.${when}${EXTENSION}`;
}

/** @throws ConsumerError CANNOT_CREATE */
export async function openBillFolder(folder: string): Promise<void> {
  try {
    await mkdir(folder, { recursive: true });
  } catch (cause) {
    throw cannotCreate(folder, cause);
  }
}

/** @throws ConsumerError CANNOT_CREATE when another bill is there, or the file cannot be written */
export async function keepBill(folder: string, bill: Bill): Promise<KeptBill> {
  const file = join(folder, billFileName(bill));
  const { orgid } = bill.statement;
  try {
    if (await isThere(file, bill)) return { orgid, file, state: 'unchanged' };
    await writeNew(folder, file, formatBill(bill));
    return { orgid, file, state: 'written' };
  } catch (cause) {
    throw cause instanceof ConsumerError ? cause : cannotCreate(file, cause);
  }
}

/** Whether the file has this bill. Its anchors may be of another day: the chain has gone on since. */
async function isThere(file: string, bill: Bill): Promise<boolean> {
  let found: Buffer;
  try {
    found = await readFile(file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
  const there = readBill(found);
  if (there === null) throw another(file, 'it is no bill');
  if (statementText(there.statement) !== statementText(bill.statement)) throw another(file, difference(there, bill));
  if (there.keyid !== bill.keyid || there.signature !== bill.signature) throw another(file, 'its signature differs');
  return true;
}

/** Names the members that differ: another `--issuer` is no other usage. */
function difference({ statement: there }: Bill, { statement }: Bill): string {
  const names = Object.keys({ ...there, ...statement }) as (keyof typeof statement)[];
  const textOf = (value: unknown): string => canonicalJson((value ?? null) as Json);
  const differ = names.filter((name) => textOf(there[name]) !== textOf(statement[name]));
  return `its statement differs (${differ.join(', ')})`;
}

function readBill(bytes: Uint8Array): Bill | null {
  try {
    return parseBill(bytes);
  } catch (error) {
    if (!(error instanceof SchemaError)) throw error;
    return null;
  }
}

async function writeNew(folder: string, file: string, text: string): Promise<void> {
  const draft = join(folder, `.${randomBytes(8).toString('hex')}.draft`);
  await using handle = await open(draft, 'wx');
  try {
    await handle.writeFile(text);
    await handle.sync();
    await nameOnce(draft, file);
  } finally {
    await unlink(draft).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error;
    });
  }
}

/** Unlike a rename, a link never replaces a file that another process has made since. */
async function nameOnce(draft: string, file: string): Promise<void> {
  try {
    await link(draft, file);
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') throw another(file, 'another process has just written it: try again');
    // File systems without hard links.
    if (!['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK'].includes(code)) throw error;
    await rename(draft, file);
  }
}

function another(file: string, why: string): ConsumerError {
  return new ConsumerError(
    'CANNOT_CREATE',
    `${file} is there, and is not overwritten: ${why}. Move it away if it should be made anew`,
  );
}

function cannotCreate(file: string, cause: unknown): ConsumerError {
  return new ConsumerError('CANNOT_CREATE', `could not write ${file}: ${(cause as Error).message}`, { cause });
}
