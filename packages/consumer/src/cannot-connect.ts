import { connectionFault } from '@waybill/schema/internal';
import { ConsumerError } from './errors.ts';

/** The error for a connection that could not be made. @param servers host and port of each */
export function cannotConnect(servers: readonly string[], cause: unknown): ConsumerError {
  const attempted = `could not connect to NATS at ${servers.join(', ')}`;
  return new ConsumerError('CANNOT_CONNECT', `${attempted}: ${connectionFault(cause)}`, { cause });
}
