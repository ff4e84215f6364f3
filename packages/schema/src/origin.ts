import { isChainloop } from './chainloop.ts';
import { PRODUCER_PATTERN, SEQUENCE_PATTERN } from './event.ts';
import type { JsonObject } from './json.ts';

/** Where in its publisher's own count an event stands. */
export interface Origin {
  /** The publisher's boot id. */
  readonly producer: string;
  readonly producerseq: number;
}

/**
 * Where an event says that it stands. null: it has no such count, or not in our form, as events that others make; and in
 * Chainloop's dialect, where members of these names mean nothing.
 */
export function originOf(event: JsonObject): Origin | null {
  const { producer, producerseq } = event;
  if (typeof producer !== 'string' || typeof producerseq !== 'string' || isChainloop(event)) return null;
  if (!PRODUCER_PATTERN.test(producer) || !SEQUENCE_PATTERN.test(producerseq)) return null;
  const number = Number(producerseq);
  return Number.isSafeInteger(number) ? { producer, producerseq: number } : null;
}
