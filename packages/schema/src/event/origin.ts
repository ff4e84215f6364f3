import type { JsonObject } from '../json/json.ts';
import { isChainloop } from './chainloop.ts';

/** Where in its publisher's own count an event stands. */
export interface Origin {
  /** The publisher's boot id. */
  readonly producer: string;
  /** The decimal of the event, which is at most 2^53-1. */
  readonly producerseq: number;
}

/** A publisher's boot id. */
export const PRODUCER_PATTERN = /^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/;
const PRODUCERSEQ_PATTERN = /^[1-9]\d{0,15}$/;

/** Whether it is a decimal from 1 to 2^53-1, without a leading zero. */
export function isProducerseq(value: unknown): value is string {
  return typeof value === 'string' && PRODUCERSEQ_PATTERN.test(value) && Number.isSafeInteger(Number(value));
}

/**
 * The origin that an event states. null: it states none, or not in our form; members of these names in the events of
 * others, which mean something else there, are no fault.
 */
export function originOf(event: JsonObject): Origin | null {
  const { producer, producerseq } = event;
  if (typeof producer !== 'string' || !PRODUCER_PATTERN.test(producer) || !isProducerseq(producerseq)) return null;
  return isChainloop(event) ? null : { producer, producerseq: Number(producerseq) };
}
