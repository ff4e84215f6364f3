import { createInbox, type NatsConnection } from '@nats-io/nats-core';

/**
 * A new inbox subject that the connection's identity may subscribe to: under its own `inboxPrefix`, which the client
 * keeps in its options but leaves out of the interface.
 */
export function newInbox(nc: NatsConnection): string {
  return createInbox((nc as NatsConnection & { options?: { inboxPrefix?: string } }).options?.inboxPrefix);
}
