import { nuid } from '@nats-io/nats-core';

/**
 * A name for a JetStream consumer of ours, new each time. Short: it is in the reply subject of every message, and the
 * client looks at each byte of that twice.
 */
export function newConsumerName(): string {
  // The end of a nuid counts up from a random number.
  return `waybill-${nuid.next().slice(-10)}`;
}

/** Where a subject has such a name: `*` in its place, since no right is given for one alone. */
export function maskConsumerName(subject: string): string {
  return subject.replace(/\.waybill-[0-9A-Za-z]{10}(?=\.|$)/, '.*');
}
