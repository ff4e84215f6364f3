/** The built-in event types of decisions and of people's oversight over them; `decisionid` links those of one decision. */
import * as z from 'zod';
import { defineEvent } from './define-event.ts';
import { isJsonObject, type Json, type JsonObject } from './json.ts';

const DurationMs = z.number().min(0).max(Number.MAX_SAFE_INTEGER);
/** What JSON can say; that it can is checked when the event is stamped. */
const Value = z.custom<Json>();
const Values = z.custom<JsonObject>(isJsonObject, 'expected an object');

/** A decision began, on this input. */
export const decisionStarted = defineEvent({
  type: 'decision.started',
  data: z.object({ name: z.string().min(1).max(256).optional(), input: Values.optional() }),
});

/** What went into the decision, or came out of a step of it: a model's answer, a score, a rule that applied. */
export const decisionRecorded = defineEvent({
  type: 'decision.recorded',
  data: z.object({ name: z.string().min(1).max(256), value: Value.optional() }),
});

/** A person looked at the decision, and did something about it. */
export const decisionReviewed = defineEvent({
  type: 'decision.reviewed',
  data: z.object({
    reviewer: z.string().min(1).max(256),
    /** What the person did, e.g. `approved`, `rejected`, `overridden`, `escalated`. */
    action: z.string().min(1).max(64),
    reason: z.string().max(4096).optional(),
  }),
});

/** The decision ended; `outcome` says whether with a result or with an error. */
export const decisionEnded = defineEvent({
  type: 'decision.ended',
  data: z.object({ duration_ms: DurationMs, error_name: z.string().max(128).optional() }),
});

export const DECISION_EVENTS = [decisionStarted, decisionRecorded, decisionReviewed, decisionEnded] as const;
