/**
 * The `event/types/` room: each file defines those of one subject. It knows how a type is defined (`event/`), and
 * nothing of publishing.
 */
import type { AnyEventDefinition } from '../define-event.ts';
import { ARTIFACT_EVENTS } from './artifact.ts';
import { AUDIT_EVENTS } from './audit.ts';
import { DECISION_EVENTS } from './decision.ts';
import { producerClosed } from './producer.ts';
import { requestHandled } from './request.ts';
import { RUN_EVENTS } from './run.ts';

/** All built-in event types. Every publisher may emit them, and every consumer checks their data. */
export const BUILT_IN_EVENTS: readonly AnyEventDefinition[] = [
  ...ARTIFACT_EVENTS,
  ...RUN_EVENTS,
  ...DECISION_EVENTS,
  requestHandled,
  producerClosed,
  ...AUDIT_EVENTS,
];
