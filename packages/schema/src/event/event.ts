/**
 * The event as our own publisher writes it: a CloudEvents 1.0 JSON object in structured mode, one form for each thing.
 * The ledger takes more than that, from other publishers: `cloud-event.ts`.
 * https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md
 */
import * as z from 'zod';
import { isInt32, MAX_CLAIMED_LENGTH } from './cloud-event.ts';
import { kindOf, SchemaError, show } from '../error.ts';
import { isJsonObject, type Json, type JsonObject } from '../json/json.ts';
import { isProducerseq, PRODUCER_PATTERN } from './origin.ts';
import { EVENT_TYPE_PATTERN, isBatchType, isEventOrgid, ORGID_PATTERN, UNATTRIBUTED_CHAIN } from './subject.ts';
import { isAttributeText } from './text-rule.ts';
import { EVENT_TIME_PATTERN } from './timestamp.ts';
import { isSource } from './uri-reference.ts';

/** An event's JSON text, in bytes of UTF-8. */
export const MAX_EVENT_BYTES = 65_536;

const UUID_V7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
/** Trace id and parent id, neither all zeros, and flags: https://www.w3.org/TR/trace-context/#traceparent-header */
const TRACE = '(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}';
/** Version ff is none; a version after 00 may add something. Never a character that JSON escapes: see plain-event.ts. */
const TRACEPARENT = new RegExp(String.raw`^(00-${TRACE}|(?!00|ff)[0-9a-f]{2}-${TRACE}(-[!#-[\]-~]{0,200})?)$`);
const ATTRIBUTE_NAME = /^[a-z0-9]{1,64}$/;
/** Base64 of 64 bytes: of the last character four bits are over, and they are 0. */
const SIGNATURE = /^[A-Za-z0-9+/]{85}[AQgw]==$/;

const text = (max: number, min = 1) =>
  z.string().refine((value) => isAttributeText(value, min, max), {
    error: `expected ${min} to ${max} UTF-16 units, no control characters, no noncharacters`,
  });

export const ActorType = z.enum(['USER', 'API_TOKEN', 'SERVICE', 'SYSTEM']);
export type ActorType = z.infer<typeof ActorType>;

export const Outcome = z.enum(['success', 'failure']);
export type Outcome = z.infer<typeof Outcome>;

/** What a service says about an event besides its data; see `docs/format.md` for each attribute's meaning. */
export const EventAttributes = z.object({
  /** What was acted on, e.g. a digest or a user id. */
  subject: text(1024).optional(),
  orgid: z.string().refine(isEventOrgid, { error: `expected ${ORGID_PATTERN.source} or ${UNATTRIBUTED_CHAIN}` }),
  /** With the organization `_unattributed`, and only with it: what was claimed to be the organization. */
  claimedorg: text(MAX_CLAIMED_LENGTH, 0).optional(),
  actortype: ActorType.optional(),
  actorid: text(256).optional(),
  actorname: text(256).optional(),
  actoremail: text(320).optional(),
  outcome: Outcome.optional(),
  /** W3C Trace Context. */
  traceparent: z.string().regex(TRACEPARENT).optional(),
  /** Links the events of one run: started, finished, failed. */
  runid: text(128).optional(),
  /** Links the events of one decision. */
  decisionid: text(128).optional(),
});
export type EventAttributes = z.infer<typeof EventAttributes>;

/** A decimal counter from 1 to 2^53-1, per boot id and organization. */
const Producerseq = z.string().refine(isProducerseq, { error: 'expected a decimal from 1 to 9007199254740991' });

/** Everything that stands in an event. `data` is checked by the type's own schema. */
export const Event = EventAttributes.extend({
  specversion: z.literal('1.0'),
  /** UUIDv7 (RFC 9562), minted once at emit; also the `Nats-Msg-Id` header. */
  id: z.string().regex(UUID_V7),
  /** URI-reference of the emitting service. */
  source: z.string().refine(isSource, { error: 'expected a URI-reference (RFC 3986) of 1 to 1024 characters' }),
  type: z
    .string()
    .regex(EVENT_TYPE_PATTERN)
    .refine((type) => !isBatchType(type), { error: 'expected another action than batch' }),
  time: z.string().regex(EVENT_TIME_PATTERN),
  datacontenttype: z.literal('application/json').optional(),
  /** Name of the key that made `signature`. */
  keyid: text(128).optional(),
  /** Ed25519 over RFC 8785 of the event without `signature`, base64. */
  signature: z.string().regex(SIGNATURE).optional(),
  /** The publisher's boot id. */
  producer: text(64).regex(PRODUCER_PATTERN).optional(),
  producerseq: Producerseq.optional(),
  data: z.custom<JsonObject>(isJsonObject, 'expected an object'),
}).loose();

export interface Event extends EventAttributes {
  readonly specversion: '1.0';
  readonly id: string;
  readonly source: string;
  readonly type: string;
  readonly time: string;
  readonly datacontenttype?: 'application/json' | undefined;
  readonly keyid?: string | undefined;
  readonly signature?: string | undefined;
  readonly producer?: string | undefined;
  readonly producerseq?: string | undefined;
  readonly data: JsonObject;
}

/** Names that an event's data must not have in `defineEvent`, because they are attributes. */
export const ATTRIBUTE_NAMES: ReadonlySet<string> = new Set(Object.keys(Event.shape));

/**
 * Checks the attributes; `data` only for being an object.
 *
 * @throws SchemaError NOT_AN_EVENT naming the first bad attribute and the rule
 */
export function checkEvent(value: Json): asserts value is Json & Event {
  if (!isJsonObject(value)) throw new SchemaError('NOT_AN_EVENT', `expected an object, got ${kindOf(value)}`);
  if (isPlainlyAnEvent(value)) return;
  const result = Event.safeParse(value);
  if (!result.success) throw notAnEvent(result.error, value);
  if ((value['producer'] === undefined) !== (value['producerseq'] === undefined)) {
    throw new SchemaError('NOT_AN_EVENT', 'producer and producerseq come together or not at all');
  }
  if ((value['claimedorg'] !== undefined) !== (value['orgid'] === UNATTRIBUTED_CHAIN)) {
    throw new SchemaError('NOT_AN_EVENT', `claimedorg and the orgid ${UNATTRIBUTED_CHAIN} come together or not at all`);
  }
  for (const name of Object.keys(value)) {
    if (ATTRIBUTE_NAMES.has(name)) continue;
    if (!ATTRIBUTE_NAME.test(name)) {
      throw new SchemaError('NOT_AN_EVENT', `${show(name)} is no attribute name: expected ${ATTRIBUTE_NAME.source}`);
    }
    const extension = value[name];
    if (!isExtension(extension)) {
      throw new SchemaError(
        'NOT_AN_EVENT',
        `${name} is ${kindOf(extension)}: an attribute is a string without control characters, a boolean, or an integer of 32 bits`,
      );
    }
  }
}

function isExtension(value: Json | undefined): boolean {
  if (typeof value === 'string') return isAttributeText(value, 0, MAX_EVENT_BYTES);
  return typeof value === 'boolean' || isInt32(value);
}

/**
 * The schema's rules by hand, ten times faster, for the events that pass; the schema itself has the last word on the
 * others, and the words for what is wrong. event.test.ts holds it to the schema.
 */
function isPlainlyAnEvent(event: JsonObject): boolean {
  let required = 0;
  for (const name in event) {
    const value = event[name];
    const isRequired = REQUIRED.has(name);
    if (isRequired) required++;
    if (name === 'data') {
      if (!isJsonObject(value)) return false;
      continue;
    }
    if (!isPlainAttribute(name, value)) return false;
  }
  const { producer, producerseq } = event;
  return required === REQUIRED.size && (producer === undefined) === (producerseq === undefined);
}

/** Whether an attribute is surely right; if not, the schema has to look. */
export function isPlainAttribute(name: string, value: unknown): boolean {
  if (typeof value !== 'string') return false;
  const rule = RULES.get(name);
  // No rule: an extension, which is left to the schema.
  if (rule === undefined || value.length === 0 || value.length > rule.max) return false;
  return rule.pattern.test(value);
}

export const REQUIRED: ReadonlySet<string> = new Set(['specversion', 'id', 'source', 'type', 'time', 'orgid', 'data']);

export interface StringRule {
  readonly max: number;
  readonly pattern: RegExp;
  /** Free text: what may stand in it is for the publisher to see, a reader takes any. */
  readonly isText?: true;
}

/** Text without what an attribute may not have. Without surrogates too: whether they come in pairs is the schema's to see. */
// oxlint-disable-next-line no-control-regex -- what is excluded
const CLEAN = /^[^\0-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]+$/;
/** Most sources. Others are the schema's to judge. */
const PLAIN_SOURCE = /^(?:[A-Za-z][A-Za-z0-9+.-]*:)?\/\/[A-Za-z0-9._~-]+(?::[0-9]+)?(?:\/[A-Za-z0-9._~-]*)*$/;

/** For each attribute but `data` and `claimedorg`. What passes is right; of what does not, the schema decides. */
export const RULES: ReadonlyMap<string, StringRule> = new Map(
  Object.entries({
    specversion: { max: 3, pattern: /^1\.0$/ },
    id: { max: 36, pattern: UUID_V7 },
    source: { max: 1024, pattern: PLAIN_SOURCE, isText: true },
    type: { max: 129, pattern: /^[a-z0-9_-]{1,64}\.(?!batch$)[a-z0-9_-]{1,64}$/ },
    time: { max: 24, pattern: EVENT_TIME_PATTERN },
    subject: { max: 1024, pattern: CLEAN, isText: true },
    orgid: { max: 64, pattern: ORGID_PATTERN },
    actortype: { max: 9, pattern: /^(USER|API_TOKEN|SERVICE|SYSTEM)$/ },
    actorid: { max: 256, pattern: CLEAN, isText: true },
    actorname: { max: 256, pattern: CLEAN, isText: true },
    actoremail: { max: 320, pattern: CLEAN, isText: true },
    outcome: { max: 7, pattern: /^(success|failure)$/ },
    traceparent: { max: 256, pattern: TRACEPARENT },
    runid: { max: 128, pattern: CLEAN, isText: true },
    decisionid: { max: 128, pattern: CLEAN, isText: true },
    datacontenttype: { max: 16, pattern: /^application\/json$/ },
    keyid: { max: 128, pattern: CLEAN, isText: true },
    signature: { max: 88, pattern: SIGNATURE },
    producer: { max: 64, pattern: PRODUCER_PATTERN },
    // Fifteen digits are always a safe integer.
    producerseq: { max: 15, pattern: /^[1-9]\d{0,14}$/ },
  }),
);

/**
 * The first thing that a zod schema found wrong, as an error that names the field and the rule. Not the value, which ends
 * up in logs and may be a key that was taken for a digest.
 */
export function notAnEvent(
  error: z.ZodError,
  value: JsonObject,
  { prefix = [], rule }: { readonly prefix?: readonly string[]; readonly rule?: string } = {},
): SchemaError {
  const issue = error.issues[0];
  const path = [...prefix, ...(issue?.path ?? []).map(String)];
  let found: unknown = value;
  for (const step of (issue?.path ?? []).map(String)) found = isJsonObject(found) ? found[step] : undefined;
  return new SchemaError(
    'NOT_AN_EVENT',
    `${path.join('.') || 'event'} is ${kindOf(found)}: ${issue?.message ?? 'invalid'}`,
    rule === undefined ? {} : { rule },
  );
}
