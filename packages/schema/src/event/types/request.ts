/** The built-in event type of a request that a service has answered, or whose connection was closed early. */
import * as z from 'zod';
import { durationMs, flag, integer } from '../data-rule.ts';
import { defineEvent } from '../define-event.ts';
import { displayText } from '../fitting-text.ts';

export const requestHandled = defineEvent({
  type: 'request.handled',
  data: z.looseObject({
    method: displayText(32),
    /** The pattern that matched, e.g. `/artifacts/:digest`. Never the address itself, which may contain secrets. */
    route: displayText(1024).optional(),
    /** 499: the connection was closed before a status was sent. */
    status: integer(100, 999),
    duration_ms: durationMs(),
    /** The connection was closed before the whole response was sent. */
    aborted: flag().optional(),
  }),
});
