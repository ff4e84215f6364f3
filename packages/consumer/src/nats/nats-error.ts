import { JetStreamApiCodes, JetStreamApiError } from '@nats-io/jetstream';
import { errors } from '@nats-io/nats-core';
import { ConsumerError } from '../errors.ts';
import { maskConsumerName } from './consumer-name.ts';

/**
 * Whether to ask again does not help: a permission is missing, or the server says that the request is wrong. An error
 * that says that the server cannot answer just now is not permanent.
 */
export function isPermanentError(error: unknown): error is Error {
  for (let one = error; one instanceof Error; one = one.cause) {
    if (one instanceof errors.PermissionViolationError) return true;
    if (one instanceof JetStreamApiError && one.status < 500) return true;
  }
  return false;
}

/** Whether the server does not accept the identity, at a dial or while connected. To wait does not help. */
export function isAuthError(error: unknown): boolean {
  for (let one = error; one instanceof Error; one = one.cause) {
    if (one instanceof errors.AuthorizationError || one instanceof errors.UserAuthenticationExpiredError) return true;
  }
  return false;
}

/**
 * Turns the failure of a request to NATS into an error that says what was attempted and why it failed.
 *
 * @param attempted e.g. `read stream AUDIT`
 */
export function explain(cause: unknown, attempted: string): ConsumerError {
  if (cause instanceof ConsumerError) return cause;
  const failed = (code: ConsumerError['code'], why: string): ConsumerError =>
    new ConsumerError(code, `could not ${attempted}: ${why}`, { cause });

  for (let error = cause; error instanceof Error; error = error.cause) {
    if (error instanceof errors.PermissionViolationError) {
      const { operation, subject } = error;
      return failed('NO_PERMISSION', describeDenial({ operation, subject: maskConsumerName(subject) }));
    }
    if (error instanceof JetStreamApiError) {
      if (error.code === JetStreamApiCodes.StreamNotFound) return failed('NO_STREAM', 'there is no such stream');
      if (error.code === JetStreamApiCodes.JetStreamNotEnabledForAccount) {
        return failed('JETSTREAM_OFF', 'JetStream is not enabled for this account');
      }
    }
    // A server without JetStream says so, and a server whose stream has no leader just now.
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

/**
 * What the identity may not do. When it may not subscribe to an inbox, the text names the variable that chooses the
 * inbox.
 */
export function describeDenial(denial: { readonly operation: string; readonly subject: string }): string {
  const { operation, subject } = denial;
  if (operation === 'publish') return `the NATS identity may not publish ${subject}`;
  // All other subscriptions are to subjects of the server: `$SRV.…`, `$JS.EVENT.…`.
  const isInbox = !subject.startsWith('$');
  const remedy = ': set WAYBILL_NATS_INBOX_PREFIX to the prefix that it may subscribe to';
  return `the NATS identity may not subscribe to ${subject}${isInbox ? remedy : ''}`;
}
