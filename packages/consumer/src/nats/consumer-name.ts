import { nuid } from '@nats-io/nats-core';

/**
 * Makes a name for a JetStream consumer of ours, new each time. It is short because the reply subject of every message
 * carries it, and the client looks at each byte of that subject twice.
 */
export function newConsumerName(): string {
  // The last ten characters of a nuid count up from a random number.
  return `waybill-${nuid.next().slice(-10)}`;
}

/** Replaces such a name in a subject by `*`: permissions are given for all names, never for one. */
export function maskConsumerName(subject: string): string {
  return subject.replace(/\.waybill-[0-9A-Za-z]{10}(?=\.|$)/, '.*');
}
