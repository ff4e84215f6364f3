/**
 * NATS subjects. The subject of an event is `<prefix>.<target>.<action>.<orgid>`, that of a Chainloop event
 * `<prefix>.<target>.<action>`, that of an organization's blocks `<ledger prefix>.<orgid>`, and that of an operator's
 * message about one `<control prefix>.acknowledge.<orgid>`. A prefix has one or more tokens.
 */
import { SchemaError, show } from '../error.ts';
import { createTextMemo } from '../json/text-memo.ts';

export const DEFAULT_EVENT_PREFIX = 'audit';
export const DEFAULT_LEDGER_PREFIX = 'ledger';
export const DEFAULT_CONTROL_PREFIX = 'waybill.control';

/**
 * The chain for everything that is no event. No organization has this name: their names begin with a letter or a digit.
 */
export const SYSTEM_CHAIN = '_system';

/** The chain for events that name no organization. Nobody is billed for it, and no organization has this name. */
export const UNATTRIBUTED_CHAIN = '_unattributed';

export const ORGID_PATTERN = /^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/;
/** `<target>.<action>`, e.g. `casartifact.uploaded`. */
export const EVENT_TYPE_PATTERN = /^[a-z0-9_-]{1,64}\.[a-z0-9_-]{1,64}$/;
export const SUBJECT_PREFIX_PATTERN = /^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$/;

/**
 * The end of a reserved action. Its subjects carry arrays of events, of any type of the target. No event type ends with
 * it.
 */
const BATCH_ACTION = '.batch';

/** Whether an event can have this organization: one that is billed, or `_unattributed`. */
export function isEventOrgid(orgid: string): boolean {
  return ORGID_PATTERN.test(orgid) || orgid === UNATTRIBUTED_CHAIN;
}

/** Whether a chain can have this name. */
export function isChainName(name: string): boolean {
  return isEventOrgid(name) || name === SYSTEM_CHAIN;
}

/** Whether a chain belongs to no organization. Nothing in it is billed. */
export function isReservedChain(name: string): boolean {
  return name === SYSTEM_CHAIN || name === UNATTRIBUTED_CHAIN;
}

export interface EventSubject {
  /** `<target>.<action>` */
  readonly type: string;
  /** Absent in subjects of Chainloop, which do not name the organization. */
  readonly orgid?: string;
}

/** @throws SchemaError BAD_SUBJECT when the type or the organization cannot be in a subject */
export function formatEventSubject(subject: Required<EventSubject>, prefix = DEFAULT_EVENT_PREFIX): string {
  if (!EVENT_TYPE_PATTERN.test(subject.type)) throw bad('type', subject.type, EVENT_TYPE_PATTERN);
  if (!isEventOrgid(subject.orgid)) throw bad('orgid', subject.orgid, ORGID_PATTERN);
  return `${prefix}.${subject.type}.${subject.orgid}`;
}

/** The inverse of `formatEventSubject`. It also reads Chainloop's subjects. null: the subject is neither. */
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

const EVENT_TOKENS = new RegExp(
  `^(${bare(EVENT_TYPE_PATTERN)})(?:\\.(${bare(ORGID_PATTERN)}|${UNATTRIBUTED_CHAIN}))?$`,
);

/** A pattern's source without its anchors. */
function bare(pattern: RegExp): string {
  return pattern.source.slice(1, -1);
}

/** Whether subjects of this type carry arrays only. */
export function isBatchType(type: string): boolean {
  return type.endsWith(BATCH_ACTION);
}

/**
 * The two tokens of the subject that an event of this type belongs on: the last two of the type in lower case, with `-`
 * for each character that a token cannot have. null: the type belongs on no subject, because it has one token or ends
 * with `batch`.
 */
function subjectTypeOf(type: string): string | null {
  const tokens = type
    .replaceAll(/[A-Z]/g, (letter) => letter.toLowerCase())
    .replaceAll(/[^a-z0-9_.-]/gu, '-')
    .split('.');
  const last = tokens.slice(-2).join('.');
  return EVENT_TYPE_PATTERN.test(last) && !isBatchType(last) ? last : null;
}

/** Whether events of a type belong on subjects of a type. */
export function belongsOn(subjectType: string, type: string): boolean {
  const own = subjectTypeOf(type);
  if (own === null || !isBatchType(subjectType)) return own === subjectType;
  return own.slice(0, own.indexOf('.')) === subjectType.slice(0, subjectType.indexOf('.'));
}

/** The action of an operator's message that acknowledges a loss. */
const ACKNOWLEDGE = 'acknowledge';

/** Whether a message is an operator's, and no event of anybody, whatever it says. */
export function isControlSubject(subject: string, prefix = DEFAULT_CONTROL_PREFIX): boolean {
  return subject.startsWith(prefix) && subject[prefix.length] === '.';
}

/** @throws SchemaError BAD_SUBJECT when no event can have this organization */
export function formatAcknowledgeSubject(orgid: string, prefix = DEFAULT_CONTROL_PREFIX): string {
  if (!isEventOrgid(orgid)) throw bad('orgid', orgid, ORGID_PATTERN);
  return `${prefix}.${ACKNOWLEDGE}.${orgid}`;
}

/** The inverse of `formatAcknowledgeSubject`: the organization, or null. */
export function parseAcknowledgeSubject(subject: string, prefix = DEFAULT_CONTROL_PREFIX): string | null {
  const start = `${prefix}.${ACKNOWLEDGE}.`;
  if (!subject.startsWith(start)) return null;
  const orgid = subject.slice(start.length);
  return isEventOrgid(orgid) ? orgid : null;
}

/** @throws SchemaError BAD_SUBJECT when no chain can have this name */
export function formatLedgerSubject(orgid: string, prefix = DEFAULT_LEDGER_PREFIX): string {
  if (!isChainName(orgid)) throw bad('orgid', orgid, ORGID_PATTERN);
  return `${prefix}.${orgid}`;
}

/** The inverse of `formatLedgerSubject`: the name of the chain, or null. */
export function parseLedgerSubject(subject: string, prefix = DEFAULT_LEDGER_PREFIX): string | null {
  if (!subject.startsWith(`${prefix}.`)) return null;
  const orgid = subject.slice(prefix.length + 1);
  return isChainName(orgid) ? orgid : null;
}

function bad(field: string, value: string, pattern: RegExp): SchemaError {
  return new SchemaError('BAD_SUBJECT', `${field} ${show(value)} cannot be in a subject: expected ${pattern.source}`);
}
