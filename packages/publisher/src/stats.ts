/** The counts of a publisher. */
import type { DropReason } from './drop.ts';

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

/** Of events of dead publishers; those are in none of the other counts. `found = acked + dropped + inMemory`. */
export interface AdoptedStats {
  /** The directory was looked through; before, there may be more than these counts say. */
  readonly scanned: boolean;
  readonly found: number;
  readonly acked: number;
  /** That no server or stream takes. */
  readonly dropped: number;
  readonly inMemory: number;
  /** Records that cannot be read; each leaves a hole in its producer's sequence. */
  readonly damaged: number;
  /** Last lines without an end, of a write that had not returned when its process died. */
  readonly torn: number;
  /** Segments that are not done. */
  readonly segments: number;
}

export interface SpoolStats {
  /** Of this publisher's own segments. */
  readonly bytes: number;
  readonly segments: number;
  /** Segments put aside because of damaged records, own and adopted. */
  readonly quarantined: number;
  /** Events of dead publishers, which are in none of the other counts. */
  readonly adopted: AdoptedStats;
}

/** Events that were stored without a signature, although there is a signer. */
export interface UnsignedCounts {
  /** There was no key when they were sent. */
  readonly no_key: number;
  /** With a signature they would be over 64 KiB. */
  readonly too_large: number;
  /** A dead publisher left them so: nobody signs what another has seen. */
  readonly adopted: number;
}

export interface PublisherStats extends Accounts {
  /** null: there is no `spoolDir`. */
  readonly spool: SpoolStats | null;
  /** Bytes of memory that pending events take, about, as `maxQueueBytes` counts them. */
  readonly pendingBytes: number;
  /** Of `pending`: sent on the present connection and not acknowledged. */
  readonly inFlight: number;
  /**
   * Events that wait for a right, their own or that of older events of their organization: sending them now would make
   * more holes in its numbers than a chain remembers.
   */
  readonly parked: number;
  /** Numbers that were taken by events that then were dropped: holes that prove the loss to a verifier. */
  readonly holes: number;
  /** Messages sent beyond the first try of each event. */
  readonly resent: number;
  /** Events that were stored without a signature. null: there is no `signer`. */
  readonly unsigned: UnsignedCounts | null;
}
