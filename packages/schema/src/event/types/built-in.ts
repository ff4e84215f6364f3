import type { AnyEventDefinition } from '../define-event.ts';
import { ARTIFACT_EVENTS } from './artifact.ts';
import { AUDIT_EVENTS } from './audit.ts';
import { DECISION_EVENTS } from './decision.ts';
import { producerClosed } from './producer.ts';
import { requestHandled } from './request.ts';
import { RUN_EVENTS } from './run.ts';

/** The event types that every publisher may emit and every consumer checks. */
export const BUILT_IN_EVENTS: readonly AnyEventDefinition[] = [
  ...ARTIFACT_EVENTS,
  ...RUN_EVENTS,
  ...DECISION_EVENTS,
  requestHandled,
  producerClosed,
  ...AUDIT_EVENTS,
];
