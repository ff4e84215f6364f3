/**
 * The `event/` room: what an event is, in both dialects (CloudEvents and Chainloop's), and the rules of its parts. It
 * knows JSON and subjects. It never knows how an event travels (`message/`) or how it is chained (`ledger/`).
 *
 * This file has the event as our own publisher writes it: a CloudEvents 1.0 JSON object in structured mode, with each
 * attribute in one form. The ledger accepts more from other publishers: `cloud-event.ts`.
 * https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md
 */
import * as z from 'zod';
import { kindOf, SchemaError, show } from '../error.ts';
import { isJsonObject, type Json, type JsonObject } from '../json/json.ts';
import {
  ATTRIBUTE_NAME_PATTERN,
  ID_PATTERN,
  MAX_CLAIMED_LENGTH,
  MAX_LENGTHS,
  SIGNATURE_PATTERN,
  TRACEPARENT_PATTERN,
} from './attribute.ts';
import { isInt32 } from './cloud-event.ts';
import { isProducerseq, PRODUCER_PATTERN } from './origin.ts';
import { EVENT_TYPE_PATTERN, isBatchType, isEventOrgid, ORGID_PATTERN, UNATTRIBUTED_CHAIN } from './subject.ts';
import { isAttributeText } from './text-rule.ts';
import { EVENT_TIME_PATTERN } from './timestamp.ts';
import { isSource } from './uri-reference.ts';

/** The longest JSON text of an event, in bytes of UTF-8. */
export const MAX_EVENT_BYTES = 65_536;

const text = (max: number, min = 1) =>
  z.string().refine((value) => isAttributeText(value, min, max), {
    error: `expected ${min} to ${max} UTF-16 units, no control characters, no noncharacters`,
  });

export const ActorType = z.enum(['USER', 'API_TOKEN', 'SERVICE', 'SYSTEM']);
export type ActorType = z.infer<typeof ActorType>;

export const Outcome = z.enum(['success', 'failure']);
export type Outcome = z.infer<typeof Outcome>;

/** The attributes that a service gives besides `data`. `docs/reference/format.md` says what each one means. */
export const EventAttributes = z.object({
  /** The thing that was acted on, e.g. a digest or a user id. */
  subject: text(MAX_LENGTHS.subject).optional(),
  orgid: z.string().refine(isEventOrgid, { error: `expected ${ORGID_PATTERN.source} or ${UNATTRIBUTED_CHAIN}` }),
  /** The organization that somebody claimed to be. Present exactly when `orgid` is `_unattributed`. */
  claimedorg: text(MAX_CLAIMED_LENGTH, 0).optional(),
  actortype: ActorType.optional(),
  actorid: text(MAX_LENGTHS.actorid).optional(),
  actorname: text(MAX_LENGTHS.actorname).optional(),
  actoremail: text(MAX_LENGTHS.actoremail).optional(),
  outcome: Outcome.optional(),
  /** W3C Trace Context. */
  traceparent: z.string().regex(TRACEPARENT_PATTERN).optional(),
  /** Links the events of one run: started, finished, failed. */
  runid: text(MAX_LENGTHS.runid).optional(),
  /** Links the events of one decision. */
  decisionid: text(MAX_LENGTHS.decisionid).optional(),
});
export type EventAttributes = z.infer<typeof EventAttributes>;

/** A decimal counter from 1 to 2^53-1, per boot id and organization. */
const Producerseq = z.string().refine(isProducerseq, { error: 'expected a decimal from 1 to 9007199254740991' });

/** All members of an event. The schema of its type checks `data`. */
export const Event = EventAttributes.extend({
  specversion: z.literal('1.0'),
  /** UUIDv7 (RFC 9562), made once at emit. It is also the `Nats-Msg-Id` header. */
  id: z.string().regex(ID_PATTERN),
  /** URI-reference of the emitting service. */
  source: z.string().refine(isSource, { error: 'expected a URI-reference (RFC 3986) of 1 to 1024 characters' }),
  type: z
    .string()
    .regex(EVENT_TYPE_PATTERN)
    .refine((type) => !isBatchType(type), { error: 'expected another action than batch' }),
  time: z.string().regex(EVENT_TIME_PATTERN),
  datacontenttype: z.literal('application/json').optional(),
  /** Name of the key that made `signature`. */
  keyid: text(MAX_LENGTHS.keyid).optional(),
  /** Ed25519 over RFC 8785 of the event without `signature`, base64. */
  signature: z.string().regex(SIGNATURE_PATTERN).optional(),
  /** The publisher's boot id. */
  producer: text(MAX_LENGTHS.producer).regex(PRODUCER_PATTERN).optional(),
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

/** The names of all attributes. Members of `data` in `defineEvent` must have other names. */
export const ATTRIBUTE_NAMES: ReadonlySet<string> = new Set(Object.keys(Event.shape));

/** true: the object is an event. false: it may be one, and the schema decides. */
export type EventRecognizer = (value: JsonObject) => boolean;

let isCertainlyAnEvent: EventRecognizer = () => false;

/** For `fast/install.ts`: `checkEvent` accepts what the recognizer recognizes without asking the schema. */
export function installEventRecognizer(recognizer: EventRecognizer): void {
  isCertainlyAnEvent = recognizer;
}

/**
 * Checks the attributes, and that `data` is an object.
 *
 * @throws SchemaError NOT_AN_EVENT naming the first bad attribute and the rule
 */
export function checkEvent(value: Json): asserts value is Json & Event {
  if (!isJsonObject(value)) throw new SchemaError('NOT_AN_EVENT', `expected an object, got ${kindOf(value)}`);
  if (isCertainlyAnEvent(value)) return;
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
    if (!ATTRIBUTE_NAME_PATTERN.test(name)) {
      throw new SchemaError(
        'NOT_AN_EVENT',
        `${show(name)} is no attribute name: expected ${ATTRIBUTE_NAME_PATTERN.source}`,
      );
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
 * The first fault that a zod schema found, as an error that names the field and the rule. It does not name the value:
 * the error ends up in logs, and the value may be a secret in the wrong field.
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
