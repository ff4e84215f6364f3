import { JetStreamApiCodes, JetStreamApiError } from '@nats-io/jetstream';
import { errors } from '@nats-io/nats-core';
import { maskConsumerName } from './consumer-name.ts';
import { ConsumerError } from '../errors.ts';
import type { Settings } from '../settings.ts';

/** Whether an error is the server's refusal, which asking again does not change soon; not that it cannot answer just now. */
export function isRefusal(error: unknown): error is Error {
  for (let one = error; one instanceof Error; one = one.cause) {
    if (one instanceof errors.PermissionViolationError) return true;
    if (one instanceof JetStreamApiError && one.status < 500) return true;
  }
  return false;
}

/** Whether the server does not take the identity, at a dial or while connected. */
export function isIdentityRefused(error: unknown): boolean {
  return error instanceof errors.AuthorizationError || error instanceof errors.UserAuthenticationExpiredError;
}

/** What a failed request to NATS means, as an error that says what was attempted. @param attempted e.g. `read stream AUDIT` */
export function explain(cause: unknown, attempted: string): ConsumerError {
  if (cause instanceof ConsumerError) return cause;
  const failed = (code: ConsumerError['code'], why: string): ConsumerError =>
    new ConsumerError(code, `could not ${attempted}: ${why}`, { cause });

  for (let error = cause; error instanceof Error; error = error.cause) {
    if (error instanceof errors.PermissionViolationError) {
      const { operation, subject } = error;
      return failed('NO_PERMISSION', describeRefusal({ operation, subject: maskConsumerName(subject) }));
    }
    if (error instanceof JetStreamApiError) {
      if (error.code === JetStreamApiCodes.StreamNotFound) return failed('NO_STREAM', 'there is no such stream');
      if (error.code === JetStreamApiCodes.JetStreamNotEnabledForAccount) {
        return failed('JETSTREAM_OFF', 'JetStream is not enabled for this account');
      }
    }
    // Of a server without JetStream, and of a stream that has no leader just now.
    if (error instanceof errors.NoRespondersError) {
      return failed('JETSTREAM_OFF', 'nobody answers for JetStream: it is off, or the stream has no leader just now');
    }
    if (error instanceof errors.TimeoutError) return failed('NO_ANSWER', 'the server did not answer in time');
    if (error instanceof errors.ClosedConnectionError || error instanceof errors.ConnectionError) {
      return failed('CANNOT_CONNECT', `the connection is closed (${error.message})`);
    }
  }
  return failed('NO_ANSWER', cause instanceof Error ? cause.message : String(cause));
}

/** What the identity may not do. For an inbox with the variable that decides where answers go. */
export function describeRefusal({
  operation,
  subject,
}: {
  readonly operation: string;
  readonly subject: string;
}): string {
  if (operation === 'publish') return `the NATS identity may not publish ${subject}`;
  // Everything else that is subscribed to is a subject of the server: `$SRV.…`, `$JS.EVENT.…`.
  const isInbox = !subject.startsWith('$');
  const remedy = ': set WAYBILL_NATS_INBOX_PREFIX to the prefix that it may subscribe to';
  return `the NATS identity may not subscribe to ${subject}${isInbox ? remedy : ''}`;
}

/** Whether an error that the server reported by the way says that reading the one stream or writing the other is not allowed. */
export function isMissingRight(
  error: Error,
  { auditStream, ledgerStream, ledgerPrefix }: Pick<Settings, 'auditStream' | 'ledgerStream' | 'ledgerPrefix'>,
): boolean {
  if (!(error instanceof errors.PermissionViolationError) || error.operation !== 'publish') return false;
  // Whose loss costs the server half a minute of a consumer, and nobody a message.
  if (error.subject.startsWith('$JS.API.CONSUMER.DELETE.')) return false;
  const tokens = error.subject.split('.');
  return (
    error.subject.startsWith(`${ledgerPrefix}.`) ||
    (tokens[0] === '$JS' && (tokens.includes(auditStream) || tokens.includes(ledgerStream)))
  );
}
