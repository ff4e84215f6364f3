/**
 * What an operator says in a message of AUDIT: that a loss is known, and why. `docs/reference/format.md` §5 is the
 * specification. The message becomes a record in `_system`, and no event of anybody.
 */
import { refuse, SchemaError } from '../error.ts';
import { MAX_EVENT_BYTES } from '../event/event.ts';
import { PRODUCER_PATTERN } from '../event/origin.ts';
import { DEFAULT_CONTROL_PREFIX, parseAcknowledgeSubject } from '../event/subject.ts';
import { hasLength } from '../event/text-rule.ts';
import { canonicalJson } from '../json/canonical.ts';
import { parseExactJson } from '../json/exact-json.ts';
import { isJsonObject, type Json, type JsonObject } from '../json/json.ts';
import { decodeUtf8, isLongerThan } from '../json/utf8.ts';
import { type RejectedReading, rejectionOf } from './rejection.ts';

/** The most UTF-16 code units of who acknowledges, and of why. */
export const MAX_BY_LENGTH = 256;
export const MAX_REASON_LENGTH = 1_024;

/** Somebody knows why a chain lacks these numbers of a publisher. */
export interface Acknowledgement {
  readonly orgid: string;
  /** The publisher's boot id. */
  readonly producer: string;
  /** Inclusive. `last` is null for a publisher that is gone: nobody knows what it lost from `first` on. */
  readonly first: number;
  readonly last: number | null;
  readonly by: string;
  readonly reason: string;
}

export type ControlReading = { readonly ok: true; readonly acknowledged: Acknowledgement } | RejectedReading;

/** The payload of the message that acknowledges a loss. Equal acknowledgements are equal texts. */
export function formatAcknowledgement({ orgid, producer, first, last, by, reason }: Acknowledgement): string {
  return canonicalJson({ v: 1, orgid, producer, first, last, by, reason });
}

/** Reads a message on a control subject. Total and pure, as `readMessage` is. */
export function readControl(subject: string, payload: Uint8Array, prefix = DEFAULT_CONTROL_PREFIX): ControlReading {
  if (payload.length > MAX_EVENT_BYTES) return { ok: false, reason: 'too_large', detail: TOO_LARGE };
  const orgid = parseAcknowledgeSubject(subject, prefix);
  if (orgid === null) return BAD_CONTROL_SUBJECT;
  try {
    const { value, canonical } = parseExactJson(decodeUtf8(payload));
    if (isLongerThan(canonical, MAX_EVENT_BYTES)) throw new SchemaError('TOO_LARGE', TOO_LONG, { rule: TOO_LONG });
    return { ok: true, acknowledged: checkAcknowledgement(value, orgid) };
  } catch (error) {
    return rejectionOf(error);
  }
}

const TOO_LARGE = `has more than ${MAX_EVENT_BYTES} bytes`;
const TOO_LONG = `has more than ${MAX_EVENT_BYTES} bytes as canonical JSON`;
const BAD_CONTROL_SUBJECT: RejectedReading = {
  ok: false,
  reason: 'bad_subject',
  detail: 'subject: <control prefix>.acknowledge.<orgid>',
};
const MEMBERS: readonly string[] = ['v', 'orgid', 'producer', 'first', 'last', 'by', 'reason'];

/** @throws SchemaError NOT_AN_EVENT naming the rule */
function checkAcknowledgement(value: Json, named: string): Acknowledgement {
  if (!isJsonObject(value)) return refuse('an acknowledgement is an object');
  const { v, orgid, producer, first, last, by, reason }: JsonObject = value;
  const names = Object.keys(value);
  if (names.length !== MEMBERS.length || !MEMBERS.every((name) => Object.hasOwn(value, name)))
    refuse(`an acknowledgement has exactly ${MEMBERS.join(', ')}`);
  if (v !== 1) refuse('v: 1');
  if (orgid !== named) refuse('orgid: the organization of the subject');
  if (typeof producer !== 'string' || !PRODUCER_PATTERN.test(producer)) return refuse('producer: a boot id');
  if (!isNumber(first, 1)) return refuse(`first: an integer from 1 to ${Number.MAX_SAFE_INTEGER}`);
  if (last !== null && !isNumber(last, first))
    return refuse(`last: an integer from first to ${Number.MAX_SAFE_INTEGER}, or null`);
  if (!isText(by, MAX_BY_LENGTH)) return refuse(`by: a string of 1 to ${MAX_BY_LENGTH} UTF-16 units`);
  if (!isText(reason, MAX_REASON_LENGTH)) return refuse(`reason: a string of 1 to ${MAX_REASON_LENGTH} UTF-16 units`);
  return { orgid: named, producer, first, last, by, reason };
}

function isNumber(value: Json | undefined, least: number): value is number {
  return Number.isSafeInteger(value) && (value as number) >= least;
}

function isText(value: Json | undefined, most: number): value is string {
  return typeof value === 'string' && hasLength(value, 1, most);
}
