/**
 * Why an event was given up. The union is closed.
 *
 * - `type_not_allowed`: its type is neither built in nor in the option `events`, or it is not in `allowTypes`
 * - `invalid`: it could not be read, or it breaks its schema
 * - `too_large`: larger than 64 KiB, or than the server or the stream takes
 * - `queue_full`: the queue's bound of events or bytes is reached, and there is no spool that takes more
 * - `not_permitted`: the server denies its subject, and no more events may wait for the permission
 * - `spool_damaged`: it was only on disk, and its record cannot be read back
 * - `builder_threw`: the function that makes it threw
 * - `not_written`: `fileSink` found its file changed by somebody else, or cannot verify the file
 * - `disabled`: no servers and no connection are configured
 * - `closed`: emitted after `close()`, or still pending when `close()` ended, with no spool that took it
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

/** One dropped event: what `onDrop` gets. */
export interface Drop {
  readonly reason: DropReason;
  /** What was wrong, for a log. */
  readonly detail: string;
  readonly type?: string;
  readonly orgid?: string;
  /** The number that the event had taken. It is missing in the chain, which proves the loss to a verifier. */
  readonly producerseq?: string;
  readonly cause?: unknown;
}
