import { DROP_REASONS, type DropReason } from './drop.ts';

/**
 * What became of every emitted event. At every moment, also inside hooks:
 * `emitted = acked + pending + spooled + Σ dropped`.
 */
export interface Accounts {
  readonly emitted: number;
  readonly acked: number;
  readonly pending: number;
  /** 0: there is no spool yet. */
  readonly spooled: number;
  readonly dropped: Readonly<Record<DropReason, number>>;
  /** Of `acked`, those that the stream knew already from an earlier try. */
  readonly duplicates: number;
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
  read(): Accounts;
}

export function createAccountBook(): AccountBook {
  let emitted = 0;
  let acked = 0;
  let pending = 0;
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
    read: () => ({ emitted, acked, pending, spooled: 0, dropped: { ...dropped }, duplicates }),
  };
}
