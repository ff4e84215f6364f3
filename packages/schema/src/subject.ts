/**
 * NATS subjects. An event goes to `<prefix>.<target>.<action>.<orgid>`, Chainloop's to `<prefix>.<target>.<action>`,
 * an organization's blocks to `<ledger prefix>.<orgid>`. A prefix is one or more tokens.
 */
import { SchemaError, show } from './error.ts';
import { createTextMemo } from './text-memo.ts';

export const DEFAULT_EVENT_PREFIX = 'audit';
export const DEFAULT_LEDGER_PREFIX = 'ledger';

/** The chain for whatever is no event of an organization. No organization can have this name: theirs start with a letter or digit. */
export const SYSTEM_CHAIN = '_system';
/** The chain for events without a usable organization. It counts them and bills nothing. */
export const UNATTRIBUTED_CHAIN = '_unattributed';

export const ORGID_PATTERN = /^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/;
/** `<target>.<action>`, e.g. `casartifact.uploaded`. */
export const EVENT_TYPE_PATTERN = /^[a-z0-9_-]{1,64}\.[a-z0-9_-]{1,64}$/;
export const SUBJECT_PREFIX_PATTERN = /^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$/;

export interface EventSubject {
  /** `<target>.<action>` */
  readonly type: string;
  /** Absent in Chainloop's subjects, which do not name the organization. */
  readonly orgid?: string;
}

/** @throws SchemaError BAD_SUBJECT when the type or the organization cannot be subject tokens. */
export function formatEventSubject(subject: Required<EventSubject>, prefix = DEFAULT_EVENT_PREFIX): string {
  if (!EVENT_TYPE_PATTERN.test(subject.type)) throw bad('type', subject.type, EVENT_TYPE_PATTERN);
  if (!ORGID_PATTERN.test(subject.orgid)) throw bad('orgid', subject.orgid, ORGID_PATTERN);
  return `${prefix}.${subject.type}.${subject.orgid}`;
}

/** The inverse of `formatEventSubject`; null for a subject that is neither an event's nor Chainloop's. */
export function parseEventSubject(subject: string, prefix = DEFAULT_EVENT_PREFIX): EventSubject | null {
  return parsed(subject, prefix);
}

const parsed = createTextMemo((subject, prefix): EventSubject | null => {
  if (!subject.startsWith(prefix) || subject[prefix.length] !== '.') return null;
  const tokens = EVENT_TOKENS.exec(subject.slice(prefix.length + 1));
  if (!tokens) return null;
  const [, type = '', orgid] = tokens;
  return orgid === undefined ? { type } : { type, orgid };
});

const EVENT_TOKENS = new RegExp(`^(${bare(EVENT_TYPE_PATTERN)})(?:\\.(${bare(ORGID_PATTERN)}))?$`);

/** A pattern's source without its anchors. */
function bare(pattern: RegExp): string {
  return pattern.source.slice(1, -1);
}

/** @throws SchemaError BAD_SUBJECT when there can be no such chain. */
export function formatLedgerSubject(orgid: string, prefix = DEFAULT_LEDGER_PREFIX): string {
  if (!isChainName(orgid)) throw bad('orgid', orgid, ORGID_PATTERN);
  return `${prefix}.${orgid}`;
}

/** The inverse of `formatLedgerSubject`: the chain's organization, or null. */
export function parseLedgerSubject(subject: string, prefix = DEFAULT_LEDGER_PREFIX): string | null {
  if (!subject.startsWith(`${prefix}.`)) return null;
  const orgid = subject.slice(prefix.length + 1);
  return isChainName(orgid) ? orgid : null;
}

/** Whether there can be a chain of this name: an organization's, or a reserved one. */
export function isChainName(name: string): boolean {
  return ORGID_PATTERN.test(name) || isReservedChain(name);
}

/** Whether a chain is no organization's. Its entries have no volume. */
export function isReservedChain(name: string): boolean {
  return name === SYSTEM_CHAIN || name === UNATTRIBUTED_CHAIN;
}

function bad(field: string, value: string, pattern: RegExp): SchemaError {
  return new SchemaError('BAD_SUBJECT', `${field} ${show(value)} cannot be in a subject: expected ${pattern.source}`);
}
