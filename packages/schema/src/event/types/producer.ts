/** The built-in event type of the end of a publisher. */
import * as z from 'zod';
import { defineEvent } from '../define-event.ts';
import { displayText } from '../fitting-text.ts';

/**
 * A publisher has closed. This is its last event, so no number after it is missing. Other programs may emit it. The
 * publisher of this repository does not.
 */
export const producerClosed = defineEvent({
  type: 'producer.closed',
  data: z.looseObject({ reason: displayText(256).optional() }),
});
