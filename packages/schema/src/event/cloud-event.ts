/**
 * What the ledger accepts as an event: any valid CloudEvents 1.0 JSON event that names an organization, whatever SDK
 * made it. Our own publisher writes a narrower form (`event.ts`).
 * https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md
 */
import { refuse } from '../error.ts';
import type { Json, JsonObject } from '../json/json.ts';
import { ATTRIBUTE_NAME_PATTERN, MAX_CLAIMED_LENGTH } from './attribute.ts';
import { isEventOrgid, UNATTRIBUTED_CHAIN } from './subject.ts';
import { hasLength, isNonEmptyText } from './text-rule.ts';
import { isRfc3339 } from './timestamp.ts';

const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/;
const INT32_MIN = -(2 ** 31);
const INT32_MAX = 2 ** 31 - 1;

/** The members that decide which chain an event belongs to. */
export interface CloudEvent extends JsonObject {
  readonly type: string;
  readonly orgid: string;
}

/** @throws SchemaError NOT_AN_EVENT in fixed words: the name of the first bad attribute, and its rule */
export function checkCloudEvent(event: JsonObject): asserts event is CloudEvent {
  if (event['specversion'] !== '1.0') refuse('specversion: "1.0"');
  for (const name of ['id', 'source', 'type']) {
    if (!isNonEmptyText(event[name])) refuse(`${name}: a non-empty string`);
  }
  const { orgid, time } = event;
  if (typeof orgid !== 'string' || !isEventOrgid(orgid)) refuse('orgid: the id of an organization, or _unattributed');
  // A member that is null counts as absent.
  if (isSet(time) && !(typeof time === 'string' && isRfc3339(time))) refuse('time: RFC 3339');
  for (const name of ['subject', 'dataschema', 'datacontenttype']) {
    if (isSet(event[name]) && !isNonEmptyText(event[name])) refuse(`${name}: a non-empty string`);
  }
  checkClaim(event);
  checkPayload(event);
  for (const name in event) {
    if (name === 'data' || name === 'data_base64') continue;
    if (!ATTRIBUTE_NAME_PATTERN.test(name)) refuse('an attribute has a name other than 1 to 64 of a-z and 0-9');
    if (isSet(event[name]) && !isSimple(event[name])) {
      refuse('an attribute is neither a string, nor a boolean, nor an integer of 32 bits');
    }
  }
}

function checkClaim({ orgid, claimedorg }: JsonObject): void {
  if (isSet(claimedorg) !== (orgid === UNATTRIBUTED_CHAIN)) {
    refuse('claimedorg: with the organization _unattributed, and with no other');
  }
  if (isSet(claimedorg) && !(typeof claimedorg === 'string' && hasLength(claimedorg, 0, MAX_CLAIMED_LENGTH))) {
    refuse(`claimedorg: a string of 0 to ${MAX_CLAIMED_LENGTH} UTF-16 units`);
  }
}

function checkPayload({ data, data_base64: encoded }: JsonObject): void {
  if (!isSet(encoded)) return;
  if (isSet(data)) refuse('data_base64: not together with data');
  if (typeof encoded !== 'string' || encoded.length % 4 !== 0 || !BASE64.test(encoded)) {
    refuse('data_base64: base64 with padding');
  }
}

function isSet(value: Json | undefined): boolean {
  return value !== undefined && value !== null;
}

function isSimple(value: Json | undefined): boolean {
  return typeof value === 'string' || typeof value === 'boolean' || isInt32(value);
}

export function isInt32(value: unknown): boolean {
  return Number.isInteger(value) && (value as number) >= INT32_MIN && (value as number) <= INT32_MAX;
}
