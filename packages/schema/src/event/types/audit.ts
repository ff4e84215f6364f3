/** The built-in event types of what is done with the trail itself: who read it, billed by it, verified it. */
import * as z from 'zod';
import { integer, text } from '../data-rule.ts';
import { defineEvent } from '../define-event.ts';

/** What was asked, e.g. `usage`, `entries`, `export`. */
const operation = text(1, 64);
/** How often, when one event stands for several requests. */
const requests = integer(1).optional();
/** Entries handed out or checked. */
const entries = integer(0).optional();
/** The window that was asked for, as it was asked for: times or `seq`s. */
const from = text(1, 64).optional();
const to = text(1, 64).optional();
/** Name of the token that was used, never its secret. */
const token = text(1, 64).optional();

/** Entries or usage were read. */
export const auditRead = defineEvent({
  type: 'audit.read',
  data: z.looseObject({ operation, requests, entries, from, to, token }),
});

/** Entries left the system as a file or a feed. */
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
