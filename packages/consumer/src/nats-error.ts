import { JetStreamApiCodes, JetStreamApiError } from '@nats-io/jetstream';
import { errors } from '@nats-io/nats-core';
import { ConsumerError } from './errors.ts';

/** What a failed request to NATS means, as an error that says what was attempted. @param attempted e.g. `read stream AUDIT` */
export function explain(cause: unknown, attempted: string): ConsumerError {
  if (cause instanceof ConsumerError) return cause;
  const failed = (code: ConsumerError['code'], why: string): ConsumerError =>
    new ConsumerError(code, `could not ${attempted}: ${why}`, { cause });

  for (let error = cause; error instanceof Error; error = error.cause) {
    if (error instanceof errors.PermissionViolationError) {
      return failed('NO_PERMISSION', `the NATS identity may not ${verbOf(error.operation)} ${error.subject}`);
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

/** What the client calls `publish` and `subscription`, as a verb with its object after it. */
export function verbOf(operation: string): string {
  return operation === 'publish' ? 'publish' : 'subscribe to';
}
