import { DROP_REASONS, type DropReason } from '../drop.ts';

/**
 * What became of every emitted event. At every moment, also inside hooks:
 * `emitted = acked + pending + spooled + Σ dropped`.
 */
export interface Accounts {
  readonly emitted: number;
  readonly acked: number;
  readonly pending: number;
  /** Only on disk; those that are in memory too are pending. After `close`: left on disk for the next publisher. */
  readonly spooled: number;
  readonly dropped: Readonly<Record<DropReason, number>>;
  /** Of `acked`, those that the stream knew already from an earlier try. */
  readonly duplicates: number;
}

/** What became of every event that was emitted before `close` had ended: `emitted = acked + spooled + lost`. */
export interface CloseResult {
  /** Stored in the stream. */
  readonly acked: number;
  /** Left on disk, for the next publisher. */
  readonly spooled: number;
  /** Dropped, at any time and for whatever reason: `stats().dropped` has them by reason. */
  readonly lost: number;
}

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
