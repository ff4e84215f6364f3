/** What `createPublisher` returns. */
import type { Ack } from './ack.ts';
import type { ConnectionLike } from './connection-like.ts';
import type { EventInput } from './event-input.ts';
import type { CloseResult, PublisherStats } from './stats.ts';

export type PublisherState = 'disabled' | 'connecting' | 'connected' | 'degraded' | 'closed';

export interface PublisherStatus {
  readonly state: PublisherState;
  /** Why it is not `connected`. */
  readonly reason?: string;
  /** Events that wait for a permission: their own, or that of older events of their organization. Absent: none. */
  readonly parked?: number;
  /** Numbers that were taken since the start and will never come. A verifier finds these losses. Absent: none. */
  readonly holes?: number;
}

/**
 * `acked`: in the stream. `spooled`: in a file, which survives this process. `fsynced`: it survives a power failure as
 * well.
 */
export type ConfirmLevel = 'acked' | 'spooled' | 'fsynced';

/** How an event was confirmed: on disk, or in the stream if that came first. */
export type Confirmation = { readonly level: 'spooled' | 'fsynced' } | { readonly level: 'acked'; readonly ack: Ack };

export const DEFAULT_WAIT_MS = 5_000;

export interface WaitOptions {
  /** Milliseconds, 0 or more; Infinity: no limit. Anything else is INVALID_OPTIONS. Default: 5,000. */
  readonly timeoutMs?: number;
}

export interface Publisher extends AsyncDisposable {
  /**
   * Fire and forget: never throws and never waits, whatever it is given. Later changes of the object have no effect.
   */
  emit(event: EventInput): void;
  /**
   * Emits and waits until the event is stored.
   *
   * @throws PublisherError. After `TIMEOUT` the event is still pending and may be stored later: do not emit it again.
   */
  confirm(event: EventInput, options?: WaitOptions & { readonly level?: 'acked' }): Promise<Ack>;
  /** Emits and waits until the event is on disk. @throws PublisherError, `NO_SPOOL` without a `spoolDir` */
  confirm(event: EventInput, options: WaitOptions & { readonly level: ConfirmLevel }): Promise<Confirmation>;
  /** Whether events of this type are taken. If not, a caller need not prepare them. */
  enabled(type: string): boolean;
  /**
   * Hands over a connection, which stays the caller's. It replaces the present one, which is closed if it is the
   * publisher's own. Events that are not acknowledged are sent again on the new one.
   *
   * @throws PublisherError INVALID_OPTIONS on a disabled publisher: create it with `connection: 'later'`
   */
  bind(connection: ConnectionLike): void;
  /** Waits until every event emitted before the call is acknowledged or dropped. false: not within the time. */
  flush(options?: WaitOptions): Promise<boolean>;
  /**
   * Stops taking events and waits like `flush`. Then it says in the chain of each organization that it has closed
   * (`producer.closed`), and waits for that in what is left of the time. Then it leaves pending events in the spool, or
   * drops them as `closed`, and closes its own connection. Idempotent.
   *
   * @returns the accounts of the publisher's whole life
   */
  close(options?: WaitOptions): Promise<CloseResult>;
  status(): PublisherStatus;
  stats(): PublisherStats;
}
