/** What a publisher counts. */
import type { DropReason } from './drop.ts';

/**
 * What became of every emitted event. At every moment, inside hooks too,
 * `emitted = acked + pending + spooled + Σ dropped`.
 */
export interface Accounts {
  readonly emitted: number;
  readonly acked: number;
  readonly pending: number;
  /** Only on disk. An event that is in memory too is pending. After `close`: left on disk for the next publisher. */
  readonly spooled: number;
  readonly dropped: Readonly<Record<DropReason, number>>;
  /** Of `acked`, events that the stream had already, from an earlier try. */
  readonly duplicates: number;
}

/** What became of every event that was emitted before `close` had ended: `emitted = acked + spooled + lost`. */
export interface CloseResult {
  /** Stored in the stream. */
  readonly acked: number;
  /** Left on disk, for the next publisher. */
  readonly spooled: number;
  /** Dropped, at any time and for any reason. `stats().dropped` has the reasons. */
  readonly lost: number;
}

/**
 * What became of the publisher's own events: after `close()` it says in each organization's chain that it has closed. They
 * are in no other count but those of bytes and messages. `emitted = acked + pending + spooled + dropped`.
 */
export interface EndCounts {
  readonly emitted: number;
  readonly acked: number;
  readonly pending: number;
  readonly spooled: number;
  readonly dropped: number;
}

/** Counts of dead publishers' events, which are in no other count. `found = acked + dropped + inMemory`. */
export interface AdoptedStats {
  /** Whether the directory was looked through. Before, there may be more events than these counts say. */
  readonly scanned: boolean;
  readonly found: number;
  readonly acked: number;
  /** Events that no server or stream takes. */
  readonly dropped: number;
  readonly inMemory: number;
  /** Records that cannot be read. Each leaves a missing number in its producer's sequence. */
  readonly damaged: number;
  /** Last lines without a line feed, of writes that had not returned when their process died. */
  readonly torn: number;
  /** Segments with events that are not settled. */
  readonly segments: number;
}

interface SpoolStats {
  /** Of this publisher's own segments. */
  readonly bytes: number;
  readonly segments: number;
  /** Segments put aside because a record cannot be read: this publisher's and dead publishers'. */
  readonly quarantined: number;
  /** Dead publishers' events, which are in no other count. */
  readonly adopted: AdoptedStats;
}

/** Events that were stored without a signature although there is a signer. */
export interface UnsignedCounts {
  /** There was no key when they were sent. */
  readonly no_key: number;
  /** With a signature they would be larger than 64 KiB. */
  readonly too_large: number;
  /** A dead publisher left them unsigned, and no publisher signs another one's events. */
  readonly adopted: number;
}

export interface PublisherStats extends Accounts {
  /** null: there is no `spoolDir`. */
  readonly spool: SpoolStats | null;
  /** Approximate bytes of memory that pending events take, as `maxQueueBytes` counts them. */
  readonly pendingBytes: number;
  /** Of `pending`: sent on the present connection and not acknowledged. */
  readonly inFlight: number;
  /**
   * Events that wait for a permission: their own, or that of older events of their organization. Sending these now
   * would make more missing ranges in its numbers than a chain remembers.
   */
  readonly parked: number;
  /** Numbers of events that were dropped. A number that is missing in the chain proves the loss to a verifier. */
  readonly holes: number;
  /** Messages sent beyond the first try of each event. */
  readonly resent: number;
  readonly ends: EndCounts;
  /** Events that were stored without a signature. null: there is no `signer`. */
  readonly unsigned: UnsignedCounts | null;
}
