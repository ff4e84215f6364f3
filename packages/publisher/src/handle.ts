/** What `createPublisher` gives. */
import type { Ack } from './ack.ts';
import type { ConnectionLike } from './connection-like.ts';
import type { EventInput } from './event-input.ts';
import type { CloseResult, PublisherStats } from './stats.ts';

export type PublisherState = 'disabled' | 'connecting' | 'connected' | 'degraded' | 'closed';

export interface PublisherStatus {
  readonly state: PublisherState;
  /** Why it is not `connected`. */
  readonly reason?: string;
  /** Events that wait for a right, their own or that of older events of their organization. Absent: none. */
  readonly parked?: number;
  /** Numbers that were taken and will never come, since the start: losses that a verifier finds. Absent: none. */
  readonly holes?: number;
}

/** `acked`: in the stream. `spooled`: in a file, so it survives this process. `fsynced`: it survives a power failure, too. */
export type ConfirmLevel = 'acked' | 'spooled' | 'fsynced';

/** How an event was confirmed: on disk, or in the stream if that was sooner. */
export type Confirmation = { readonly level: 'spooled' | 'fsynced' } | { readonly level: 'acked'; readonly ack: Ack };

export const DEFAULT_WAIT_MS = 5_000;

export interface WaitOptions {
  /** 0 or more; Infinity: no limit. Anything else is INVALID_OPTIONS. Default 5,000. */
  readonly timeoutMs?: number;
}

export interface Publisher extends AsyncDisposable {
  /** Fire and forget: never throws, never waits, whatever it is given. What is changed afterwards is not seen. */
  emit(event: EventInput): void;
  /**
   * Emits and waits until the event is stored.
   *
   * @throws PublisherError. After `TIMEOUT` the event is still pending and may yet be stored: do not emit it again.
   */
  confirm(event: EventInput, options?: WaitOptions & { readonly level?: 'acked' }): Promise<Ack>;
  /** Emits and waits until the event is on disk. @throws PublisherError, `NO_SPOOL` without a `spoolDir` */
  confirm(event: EventInput, options: WaitOptions & { readonly level: ConfirmLevel }): Promise<Confirmation>;
  /** Whether events of this type would be taken, for callers who want to skip preparing them. */
  enabled(type: string): boolean;
  /**
   * Hands over a connection, now or in place of the present one, which stays its owner's (or is closed if it was the
   * publisher's own). What was not acknowledged is sent again there.
   *
   * @throws PublisherError INVALID_OPTIONS on a disabled publisher: create it with `connection: 'later'`
   */
  bind(connection: ConnectionLike): void;
  /** Waits until everything emitted before the call is acknowledged or dropped. false: not within the time. */
  flush(options?: WaitOptions): Promise<boolean>;
  /**
   * Stops taking events, waits like `flush`, leaves what is left in the spool or drops it as `closed`, and closes its
   * own connection. Idempotent.
   *
   * @returns the accounts of the publisher's whole life
   */
  close(options?: WaitOptions): Promise<CloseResult>;
  status(): PublisherStatus;
  stats(): PublisherStats;
}
