/** The built-in event types of use of the audit trail itself: who read it, made a bill of it, or verified it. */
import * as z from 'zod';
import { integer, text } from '../data-rule.ts';
import { defineEvent } from '../define-event.ts';

/** The operation that was asked for, e.g. `usage`, `entries`, `export`. */
const operation = text(1, 64);
/** The number of requests, when one event stands for several. */
const requests = integer(1).optional();
/** The number of entries that were returned or checked. */
const entries = integer(0).optional();
/** The window that was asked for, in the form of the request: times or `seq`s. */
const from = text(1, 64).optional();
const to = text(1, 64).optional();
/** The name of the token that was used. Never its secret. */
const token = text(1, 64).optional();

/** Entries or usage were read. */
export const auditRead = defineEvent({
  type: 'audit.read',
  data: z.looseObject({ operation, requests, entries, from, to, token }),
});

/** Entries were exported as a file or a feed. */
export const auditExported = defineEvent({
  type: 'audit.exported',
  data: z.looseObject({ operation, requests, entries, format: text(1, 64).optional(), from, to, token }),
});

/** A bill was made. */
export const auditBilled = defineEvent({
  type: 'audit.billed',
  data: z.looseObject({ operation, requests, from, to, token }),
});

/** A chain was verified. */
export const auditVerified = defineEvent({
  type: 'audit.verified',
  data: z.looseObject({ operation, requests, entries, verdict: text(1, 64).optional(), from, to, token }),
});

/** A token was made, changed or revoked. */
export const auditToken = defineEvent({
  type: 'audit.token',
  data: z.looseObject({ operation, token, expires: text(1, 64).optional() }),
});

export const AUDIT_EVENTS = [auditRead, auditExported, auditBilled, auditVerified, auditToken] as const;
