import { createInbox, type NatsConnection } from '@nats-io/nats-core';

/**
 * Makes an inbox subject that the connection's identity may subscribe to, under the connection's `inboxPrefix`. The
 * client keeps that prefix in its options and leaves it out of its interface.
 */
export function newInbox(nc: NatsConnection): string {
  return createInbox((nc as NatsConnection & { options?: { inboxPrefix?: string } }).options?.inboxPrefix);
}
