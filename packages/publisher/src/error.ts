import type { Drop, DropReason } from './drop.ts';

/**
 * Why `createPublisher` or `confirm` failed. The union is closed: `docs/reference/errors.md` lists exactly these.
 *
 * - `INVALID_OPTIONS`: a function was called with options that cannot work
 * - `INVALID`: the event is no valid event; `cause` names the field and the rule
 * - `TYPE_NOT_ALLOWED`: the event's type is neither built in nor in the option `events`, or it is not in `allowTypes`
 * - `TOO_LARGE`: the event is larger than the format, the server or the stream allows
 * - `QUEUE_FULL`: the bounded queue has no room
 * - `NOT_PERMITTED`: the server denies the event's subject, and no more events may wait for the permission
 * - `SPOOL_DAMAGED`: the event was only on disk, and its record cannot be read back
 * - `NO_SPOOL`: `confirm` was asked for a level that needs `spoolDir`
 * - `BUILDER_THREW`: the function that makes the event threw; `cause` is what it threw
 * - `DISABLED`: no servers and no connection are configured
 * - `CLOSED`: the publisher was closed before the event was acknowledged
 * - `UNSIGNED`: a signer is configured and has no identity; nothing was emitted
 * - `NOT_WRITTEN`: `fileSink` could not write the event to its chain
 * - `TIMEOUT`: not confirmed in time; the event stays queued and may still be stored
 */
export const PUBLISHER_ERROR_CODES = [
  'INVALID_OPTIONS',
  'INVALID',
  'TYPE_NOT_ALLOWED',
  'TOO_LARGE',
  'QUEUE_FULL',
  'NOT_PERMITTED',
  'SPOOL_DAMAGED',
  'NO_SPOOL',
  'BUILDER_THREW',
  'DISABLED',
  'CLOSED',
  'UNSIGNED',
  'NOT_WRITTEN',
  'TIMEOUT',
] as const;

export type PublisherErrorCode = (typeof PUBLISHER_ERROR_CODES)[number];

/** The one error class of `@waybill/publisher`. `emit` never throws it. */
export class PublisherError extends Error {
  override readonly name = 'PublisherError';
  readonly code: PublisherErrorCode;

  constructor(code: PublisherErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

export const CODE_OF_DROP = {
  type_not_allowed: 'TYPE_NOT_ALLOWED',
  invalid: 'INVALID',
  too_large: 'TOO_LARGE',
  queue_full: 'QUEUE_FULL',
  not_permitted: 'NOT_PERMITTED',
  spool_damaged: 'SPOOL_DAMAGED',
  builder_threw: 'BUILDER_THREW',
  not_written: 'NOT_WRITTEN',
  disabled: 'DISABLED',
  closed: 'CLOSED',
} as const satisfies Record<DropReason, PublisherErrorCode>;

/** The error with which `confirm` rejects when its event is dropped. */
export function dropError({ reason, detail, type, cause }: Drop): PublisherError {
  const what = type === undefined ? 'event' : `event ${type}`;
  return new PublisherError(CODE_OF_DROP[reason], `${what} dropped: ${detail}`, cause === undefined ? {} : { cause });
}

/** An error of `createPublisher`. @param value is in the message, so it is never a secret */
export function badOption(name: string, value: unknown, expected: string): PublisherError {
  return new PublisherError('INVALID_OPTIONS', `createPublisher: ${name} is ${String(value)}, expected ${expected}`);
}
