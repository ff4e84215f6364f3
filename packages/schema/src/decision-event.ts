/** The built-in event types of decisions and of people's oversight over them; `decisionid` links those of one decision. */
import * as z from 'zod';
import { durationMs, object, text } from './data-rule.ts';
import { defineEvent } from './define-event.ts';
import type { Json } from './json.ts';

/** What JSON can say; that it can is checked when the event is stamped. */
const Value = z.custom<Json>();

/** A decision began, on this input. */
export const decisionStarted = defineEvent({
  type: 'decision.started',
  data: z.object({ name: text(1, 256).optional(), input: object().optional() }),
});

/** What went into the decision, or came out of a step of it: a model's answer, a score, a rule that applied. */
export const decisionRecorded = defineEvent({
  type: 'decision.recorded',
  data: z.object({ name: text(1, 256), value: Value.optional() }),
});

/** A person looked at the decision, and did something about it. */
export const decisionReviewed = defineEvent({
  type: 'decision.reviewed',
  data: z.object({
    reviewer: text(1, 256),
    /** What the person did, e.g. `approved`, `rejected`, `overridden`, `escalated`. */
    action: text(1, 64),
    reason: text(0, 4096).optional(),
  }),
});

/** The decision ended; `outcome` says whether with a result or with an error. */
export const decisionEnded = defineEvent({
  type: 'decision.ended',
  data: z.object({ duration_ms: durationMs(), error_name: text(0, 128).optional() }),
});

export const DECISION_EVENTS = [decisionStarted, decisionRecorded, decisionReviewed, decisionEnded] as const;
