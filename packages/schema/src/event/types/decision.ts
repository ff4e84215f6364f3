/** The built-in event types of decisions and of human oversight. `decisionid` links the events of one decision. */
import * as z from 'zod';
import { durationMs, object } from '../data-rule.ts';
import { defineEvent } from '../define-event.ts';
import { displayText, emptyOrText } from '../fitting-text.ts';

/** Any value. The publisher makes JSON of dates, maps, big integers, errors and objects of classes. */
const Value = z.unknown();

/** A decision began, with this input. */
export const decisionStarted = defineEvent({
  type: 'decision.started',
  data: z.looseObject({ name: displayText(256).optional(), input: object().optional() }),
});

/** An input of the decision or the result of a step: a model's answer, a score, a rule that applied. */
export const decisionRecorded = defineEvent({
  type: 'decision.recorded',
  data: z.looseObject({ name: displayText(256), value: Value.optional() }),
});

/** A person reviewed the decision and acted on it. */
export const decisionReviewed = defineEvent({
  type: 'decision.reviewed',
  data: z.looseObject({
    reviewer: displayText(256),
    /** What the person did, e.g. `approved`, `rejected`, `overridden`, `escalated`. */
    action: displayText(64),
    reason: emptyOrText(4096).optional(),
  }),
});

/** The decision ended. `outcome` says whether with a result or with an error. */
export const decisionEnded = defineEvent({
  type: 'decision.ended',
  data: z.looseObject({ duration_ms: durationMs(), error_name: emptyOrText(128).optional() }),
});

export const DECISION_EVENTS = [decisionStarted, decisionRecorded, decisionReviewed, decisionEnded] as const;
