/** The built-in event type of a publisher's own end. */
import * as z from 'zod';
import { text } from './data-rule.ts';
import { defineEvent } from './define-event.ts';

/** A publisher has closed: after this event it emits none. Its number is its last, so that nothing after it is missing. */
export const producerClosed = defineEvent({
  type: 'producer.closed',
  data: z.object({ reason: text(1, 256).optional() }),
});
