/** The built-in event type of a publisher's own end. */
import * as z from 'zod';
import { defineEvent } from '../define-event.ts';
import { displayText } from '../fitting-text.ts';

/** A publisher has closed: after this event it emits none. Its number is its last, so that nothing after it is missing. */
export const producerClosed = defineEvent({
  type: 'producer.closed',
  data: z.looseObject({ reason: displayText(256).optional() }),
});
