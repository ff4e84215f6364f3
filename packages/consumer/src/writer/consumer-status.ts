import type { Progress } from './progress.ts';

/** `waiting`: AUDIT is not there or may not be read, or the server takes no block; `lastError` says which. */
export type Role = 'starting' | 'writer' | 'standby' | 'waiting' | 'closed';

export interface ConsumerStatus extends Readonly<Progress> {
  readonly role: Role;
  /** Sessions that ended because another writer was first, since the start. */
  readonly conflicts: number;
  /** Sessions that ended for any other reason, since the start. */
  readonly failures: number;
  /** Why the last session ended; null when none has. */
  readonly lastError: string | null;
}

/** What a status says besides progress. */
export interface WriterState {
  role: Role;
  conflicts: number;
  failures: number;
  lastError: string | null;
}
