/** The built-in event types of work that is followed from its start to its end; `runid` links the events of one run. */
import * as z from 'zod';
import { durationMs, text } from './data-rule.ts';
import { defineEvent } from './define-event.ts';

const name = text(1, 256);

/** Work began. */
export const runStarted = defineEvent({ type: 'run.started', data: z.object({ name }) });

/** Work ended without an error. */
export const runFinished = defineEvent({
  type: 'run.finished',
  data: z.object({ name, duration_ms: durationMs() }),
});

/** Work ended with an error. */
export const runFailed = defineEvent({
  type: 'run.failed',
  data: z.object({
    name,
    duration_ms: durationMs(),
    error_name: text(0, 128).optional(),
    error_code: text(0, 128).optional(),
    error_message: text(0, 1024).optional(),
  }),
});

export const RUN_EVENTS = [runStarted, runFinished, runFailed] as const;
