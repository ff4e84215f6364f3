/** The built-in event types of work that is followed from its start to its end; `runid` links the events of one run. */
import * as z from 'zod';
import { defineEvent } from './define-event.ts';
import { displayText, emptyOrText } from './fitting-text.ts';

const Name = displayText(256);
/** Milliseconds; the fraction may be given. */
const DurationMs = z.number().min(0).max(Number.MAX_SAFE_INTEGER);

/** Work began. */
export const runStarted = defineEvent({ type: 'run.started', data: z.looseObject({ name: Name }) });

/** Work ended without an error. */
export const runFinished = defineEvent({
  type: 'run.finished',
  data: z.looseObject({ name: Name, duration_ms: DurationMs }),
});

/** Work ended with an error. */
export const runFailed = defineEvent({
  type: 'run.failed',
  data: z.looseObject({
    name: Name,
    duration_ms: DurationMs,
    error_name: emptyOrText(128).optional(),
    error_code: emptyOrText(128).optional(),
    error_message: emptyOrText(1024).optional(),
  }),
});

export const RUN_EVENTS = [runStarted, runFinished, runFailed] as const;
