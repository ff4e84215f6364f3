import type { JsonObject } from '../json/json.ts';
import { isChainloop } from './chainloop.ts';

/** Where an event stands in its publisher's own count. */
export interface Origin {
  /** The publisher's boot id. */
  readonly producer: string;
  /** From 1 to 2^53-1. In the event it is a decimal string. */
  readonly producerseq: number;
}

/** A publisher's boot id. */
export const PRODUCER_PATTERN = /^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/;
const PRODUCERSEQ_PATTERN = /^[1-9]\d{0,15}$/;

/** Whether a value is a decimal string from 1 to 2^53-1 without a leading zero. */
export function isProducerseq(value: unknown): value is string {
  return typeof value === 'string' && PRODUCERSEQ_PATTERN.test(value) && Number.isSafeInteger(Number(value));
}

/**
 * The origin that an event states; null: it states none in our form. In events of other publishers, members of these
 * names may mean something else, so another form is no fault.
 */
export function originOf(event: JsonObject): Origin | null {
  const { producer, producerseq } = event;
  if (typeof producer !== 'string' || !PRODUCER_PATTERN.test(producer) || !isProducerseq(producerseq)) return null;
  return isChainloop(event) ? null : { producer, producerseq: Number(producerseq) };
}
