/** The seam for a shortcut of verification. Without one, every line is judged by the rules. */
import type { EventFacts } from '../event/event-facts.ts';
import type { Transfer } from '../event/transfer.ts';
import type { Sha256 } from '../hash.ts';
import type { Entry } from '../ledger/entry.ts';
import type { Volume } from '../ledger/volume.ts';

/** An entry that a shortcut has read in its line. */
export interface KnownEntry {
  readonly entry: Entry;
  /** null: the event's text was not read, so the event has to be looked at. */
  readonly facts: EventFacts | null;
}

/**
 * Reads a line that it recognizes as the very line that a writer puts after the verified entry `last`. null: it says
 * nothing about the line, and the rules decide.
 */
export type Shortcut = (line: string, last: Entry) => KnownEntry | null;

/** The volume that the entry `seq` has by what its event transferred and by the entries before it. Changes nothing. */
export type DeriveVolume = (seq: number, transfer: Transfer | null) => Volume;

export type CreateShortcut = (sha256: Sha256, deriveVolume: DeriveVolume) => Shortcut;

let create: CreateShortcut = () => () => null;

/** For `fast/install.ts`: verifiers that are made from now on try this shortcut first. */
export function installShortcut(createShortcut: CreateShortcut): void {
  create = createShortcut;
}

export function installedShortcut(): CreateShortcut {
  return create;
}
