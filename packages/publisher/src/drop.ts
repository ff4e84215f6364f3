/**
 * Why an event was given up. The union is closed.
 *
 * - `type_not_allowed`: its type is neither built in nor in the option `events`, or not in `allowTypes`
 * - `invalid`: it could not be read, or it breaks its schema
 * - `too_large`: over 64 KiB, or over what the server or the stream takes
 * - `queue_full`: the queue's bound of events or bytes was reached, and the spool, if there is one, takes no more
 * - `not_permitted`: the server lets us publish no such event, and no more of them may wait for the right
 * - `spool_damaged`: it was only on disk, and its record there cannot be read back
 * - `builder_threw`: the function that was to make it threw
 * - `not_written`: `fileSink` found its file changed by somebody else, or cannot verify it
 * - `disabled`: no servers and no connection are configured
 * - `closed`: emitted after `close()`, or still pending when it ended and no spool took it
 */
export const DROP_REASONS = [
  'type_not_allowed',
  'invalid',
  'too_large',
  'queue_full',
  'not_permitted',
  'spool_damaged',
  'builder_threw',
  'not_written',
  'disabled',
  'closed',
] as const;

export type DropReason = (typeof DROP_REASONS)[number];

/** One dropped event, as `onDrop` is told. */
export interface Drop {
  readonly reason: DropReason;
  /** What exactly was wrong, for a log. */
  readonly detail: string;
  readonly type?: string;
  readonly orgid?: string;
  /** The number that the event had taken: the hole that proves the loss to a verifier. */
  readonly producerseq?: string;
  readonly cause?: unknown;
}
