import type { EventDraft } from '@waybill/schema';
import type { EventInput } from '../event-input.ts';
import type { Sink } from '../sink.ts';

/**
 * Emits what is made of foreign objects. When making it throws, the sink counts that, and the caller does not notice.
 */
export function emitMade(audit: Pick<Sink, 'emit'>, make: () => EventDraft): void {
  let input: EventInput;
  try {
    input = make();
  } catch (error) {
    input = () => {
      throw error;
    };
  }
  quietly(() => audit.emit(input));
}

/** A publisher's `emit` never throws, but the sink may be somebody else's. */
export function quietly(call: () => void): void {
  try {
    call();
  } catch {
    // What becomes of an event never changes the result of the work.
  }
}
