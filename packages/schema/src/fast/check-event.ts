/**
 * The rules of the event schema by hand, ten times faster than zod. What passes here is an event. Of anything else
 * nothing is said, and the schema (`event/event.ts`) decides and has the words. `check-event.test.ts` holds the two
 * together.
 */
import { ID_PATTERN, MAX_LENGTHS, SIGNATURE_PATTERN, TRACEPARENT_PATTERN } from '../event/attribute.ts';
import { PRODUCER_PATTERN } from '../event/origin.ts';
import { ORGID_PATTERN } from '../event/subject.ts';
import { EVENT_TIME_PATTERN } from '../event/timestamp.ts';
import { isJsonObject, type JsonObject } from '../json/json.ts';

/** The attributes that every event has. */
export const REQUIRED: ReadonlySet<string> = new Set(['specversion', 'id', 'source', 'type', 'time', 'orgid', 'data']);

export interface AttributeRule {
  readonly max: number;
  readonly pattern: RegExp;
  /** Free text. The pattern says what our publisher may write; a reader of the ledger accepts any characters. */
  readonly isText?: true;
}

/**
 * Text without the characters that an attribute must not have. It has no surrogates either: whether they come in pairs
 * is left to the schema.
 */
// oxlint-disable-next-line no-control-regex -- what is excluded
const CLEAN = /^[^\0-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]+$/;
/** The form of most sources. The schema decides about others. */
const COMMON_SOURCE = /^(?:[A-Za-z][A-Za-z0-9+.-]*:)?\/\/[A-Za-z0-9._~-]+(?::[0-9]+)?(?:\/[A-Za-z0-9._~-]*)*$/;

/** One rule for each attribute but `data` and `claimedorg`. */
export const RULES: ReadonlyMap<string, AttributeRule> = new Map(
  Object.entries({
    specversion: { max: 3, pattern: /^1\.0$/ },
    id: { max: 36, pattern: ID_PATTERN },
    source: { max: MAX_LENGTHS.source, pattern: COMMON_SOURCE, isText: true },
    type: { max: 129, pattern: /^[a-z0-9_-]{1,64}\.(?!batch$)[a-z0-9_-]{1,64}$/ },
    time: { max: 24, pattern: EVENT_TIME_PATTERN },
    subject: { max: MAX_LENGTHS.subject, pattern: CLEAN, isText: true },
    orgid: { max: 64, pattern: ORGID_PATTERN },
    actortype: { max: 9, pattern: /^(USER|API_TOKEN|SERVICE|SYSTEM)$/ },
    actorid: { max: MAX_LENGTHS.actorid, pattern: CLEAN, isText: true },
    actorname: { max: MAX_LENGTHS.actorname, pattern: CLEAN, isText: true },
    actoremail: { max: MAX_LENGTHS.actoremail, pattern: CLEAN, isText: true },
    outcome: { max: 7, pattern: /^(success|failure)$/ },
    traceparent: { max: 256, pattern: TRACEPARENT_PATTERN },
    runid: { max: MAX_LENGTHS.runid, pattern: CLEAN, isText: true },
    decisionid: { max: MAX_LENGTHS.decisionid, pattern: CLEAN, isText: true },
    datacontenttype: { max: 16, pattern: /^application\/json$/ },
    keyid: { max: MAX_LENGTHS.keyid, pattern: CLEAN, isText: true },
    signature: { max: 88, pattern: SIGNATURE_PATTERN },
    producer: { max: MAX_LENGTHS.producer, pattern: PRODUCER_PATTERN },
    // Fifteen digits are always a safe integer.
    producerseq: { max: 15, pattern: /^[1-9]\d{0,14}$/ },
  }),
);

/** Whether a value is certainly right for this attribute. */
export function isCertainlyRight(name: string, value: unknown): boolean {
  if (typeof value !== 'string') return false;
  const rule = RULES.get(name);
  // An extension has no rule: the schema decides about it.
  if (rule === undefined || value.length === 0 || value.length > rule.max) return false;
  return rule.pattern.test(value);
}

export function isCertainlyAnEvent(event: JsonObject): boolean {
  let required = 0;
  for (const name in event) {
    const value = event[name];
    if (REQUIRED.has(name)) required++;
    if (name === 'data') {
      if (!isJsonObject(value)) return false;
      continue;
    }
    if (!isCertainlyRight(name, value)) return false;
  }
  const { producer, producerseq } = event;
  return required === REQUIRED.size && (producer === undefined) === (producerseq === undefined);
}
