import { DROP_REASONS, type DropReason } from '../drop.ts';
import type { Accounts, CloseResult } from '../stats.ts';

export interface AccountBook {
  /** An event was emitted and is pending. */
  accept(): void;
  /** An event was emitted and dropped at once. */
  refuse(reason: DropReason): void;
  /** A pending event was acknowledged. */
  ack(duplicate: boolean): void;
  /** A pending event was dropped. */
  drop(reason: DropReason): void;
  /** Pending events left memory for the spool. */
  spool(count: number): void;
  /** Spooled events are in memory again. */
  unspool(count: number): void;
  /** Spooled events cannot be read back. */
  lose(count: number): void;
  read(): Accounts;
}

export function createAccountBook(): AccountBook {
  let emitted = 0;
  let acked = 0;
  let pending = 0;
  let spooled = 0;
  let duplicates = 0;
  const dropped = Object.fromEntries(DROP_REASONS.map((reason) => [reason, 0])) as Record<DropReason, number>;

  return {
    accept() {
      emitted++;
      pending++;
    },
    refuse(reason) {
      emitted++;
      dropped[reason]++;
    },
    ack(duplicate) {
      pending--;
      acked++;
      if (duplicate) duplicates++;
    },
    drop(reason) {
      pending--;
      dropped[reason]++;
    },
    spool(count) {
      pending -= count;
      spooled += count;
    },
    unspool(count) {
      spooled -= count;
      pending += count;
    },
    lose(count) {
      spooled -= count;
      dropped.spool_damaged += count;
    },
    read: () => ({ emitted, acked, pending, spooled, dropped: { ...dropped }, duplicates }),
  };
}

/** Of accounts in which nothing is pending any more. */
export function closeResult({ acked, spooled, dropped }: Accounts): CloseResult {
  return { acked, spooled, lost: Object.values(dropped).reduce((sum, events) => sum + events, 0) };
}
