/** The built-in event types of work from its start to its end. `runid` links the events of one run. */
import * as z from 'zod';
import { durationMs } from '../data-rule.ts';
import { defineEvent } from '../define-event.ts';
import { displayText, emptyOrText } from '../fitting-text.ts';

const name = displayText(256);

/** Work began. */
export const runStarted = defineEvent({ type: 'run.started', data: z.looseObject({ name }) });

/** Work ended without an error. */
export const runFinished = defineEvent({
  type: 'run.finished',
  data: z.looseObject({ name, duration_ms: durationMs() }),
});

/** Work ended with an error. */
export const runFailed = defineEvent({
  type: 'run.failed',
  data: z.looseObject({
    name,
    duration_ms: durationMs(),
    error_name: emptyOrText(128).optional(),
    error_code: emptyOrText(128).optional(),
    error_message: emptyOrText(1024).optional(),
  }),
});

export const RUN_EVENTS = [runStarted, runFinished, runFailed] as const;
