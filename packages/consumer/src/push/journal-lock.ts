/**
 * Only one process at a time has a journal. The lock is a kernel's lock on a file beside it, taken through SQLite: Node
 * offers no other. The kernel releases it when the process ends, however it ends. So no lock is ever left over, and
 * nobody has to guess whether an owner lives. The file stays; it is empty.
 */
import { realpathSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { ConsumerError } from '../errors.ts';

const SQLITE_BUSY = 5;

/** @throws ConsumerError JOURNAL_LOCKED while another process, or another call in this one, has it; CANNOT_CREATE */
export function lockJournal(journal: string): Disposable {
  const file = `${placeOf(journal)}.lock`;
  let database: DatabaseSync | null = null;
  try {
    database = new DatabaseSync(file, { timeout: 0 });
    database.exec('PRAGMA locking_mode=EXCLUSIVE; BEGIN EXCLUSIVE');
  } catch (cause) {
    database?.close();
    if ((cause as { errcode?: number }).errcode === SQLITE_BUSY)
      throw new ConsumerError('JOURNAL_LOCKED', `another run has the journal ${journal}: wait until it has ended`);
    throw new ConsumerError('CANNOT_CREATE', `could not lock ${file}: ${(cause as Error).message}`, { cause });
  }
  const held = database;
  return { [Symbol.dispose]: () => held.close() };
}

/** A journal that is reached by several names has one lock. */
function placeOf(journal: string): string {
  try {
    return realpathSync(journal);
  } catch {
    // There is none yet, or opening it says what is wrong.
    return journal;
  }
}
