/** From a message of the AUDIT stream to an event of an organization, or to the reason why it is none. */
import { checkChainloop, isChainloop } from './chainloop.ts';
import { kindOf, SchemaError, show } from './error.ts';
import { checkEvent, MAX_EVENT_BYTES } from './event.ts';
import { decodeUtf8, parseExactJson } from './exact-json.ts';
import { isJsonObject, type JsonObject } from './json.ts';
import type { Origin } from './origin.ts';
import { type PlainEvent, readPlainEvent } from './plain-event.ts';
import { createDataCheck, type DataCheck, utf8Length } from './stamp.ts';
import { DEFAULT_EVENT_PREFIX, parseEventSubject } from './subject.ts';
import { type Transfer, transferOf } from './transfer.ts';

/** Why a message is no event; stands in the `_system` chain. */
export const REJECTIONS = [
  'too_large',
  'bad_subject',
  'not_json',
  'not_exact',
  'not_canonical',
  'not_an_event',
  /** Reading it failed for a reason that nobody foresaw: a bug here, but the message is kept and the chain goes on. */
  'unexpected',
] as const;
export type Rejection = (typeof REJECTIONS)[number];

export type Reading =
  | {
      readonly ok: true;
      readonly orgid: string;
      readonly event: JsonObject;
      /** RFC 8785 text of `event`. */
      readonly canonical: string;
      /** null for events without `producer` and `sequence`. */
      readonly origin: Origin | null;
      /** null: it moved nothing. */
      readonly transfer: Transfer | null;
    }
  | { readonly ok: false; readonly reason: Rejection; readonly detail: string };

export interface ReadMessageOptions {
  readonly subjectPrefix?: string;
  readonly checkData?: DataCheck;
}

const builtIn = createDataCheck();

const MAX_DETAIL = 500;

const REJECTION_OF: Partial<Record<SchemaError['code'], Rejection>> = {
  NOT_JSON: 'not_json',
  NOT_EXACT: 'not_exact',
  NOT_CANONICAL: 'not_canonical',
  NOT_AN_EVENT: 'not_an_event',
};

/** Total: whatever bytes it is given, it returns, and the same for the same bytes. */
export function readMessage(subject: string, payload: Uint8Array, options: ReadMessageOptions = {}): Reading {
  if (payload.length > MAX_EVENT_BYTES) {
    return {
      ok: false,
      reason: 'too_large',
      detail: `has ${payload.length} bytes, at most ${MAX_EVENT_BYTES} are allowed`,
    };
  }
  const named = parseEventSubject(subject, options.subjectPrefix ?? DEFAULT_EVENT_PREFIX);
  const checkData = options.checkData ?? builtIn;
  if (!named)
    return {
      ok: false,
      reason: 'bad_subject',
      detail: `subject ${show(subject)} is not <prefix>.<target>.<action>.<orgid>`,
    };
  try {
    const text = decodeUtf8(payload);
    const plain = readPlainEvent(text);
    // One that is not what the subject says is left to the general way, which has the words.
    if (plain && plain.orgid === named.orgid && plain.type === named.type) {
      if (plain.data) checkData(plain.type, plain.data);
      else if (!checkData.artifacts?.has(named.type)) checkData(named.type, dataOf(text));
      return new PlainReading(named.orgid, text, plain);
    }
    const { value, canonical } = parseExactJson(text);
    // Canonical JSON can be longer than what was sent (1e20 becomes 21 digits), and it is what the ledger keeps.
    if (canonical.length * 3 > MAX_EVENT_BYTES && utf8Length(canonical) > MAX_EVENT_BYTES) {
      return { ok: false, reason: 'too_large', detail: `has more than ${MAX_EVENT_BYTES} bytes as canonical JSON` };
    }
    if (isChainloop(value)) {
      checkChainloop(value, named.type);
      const { OrgID } = value['Data'] as { OrgID: string };
      if (named.orgid !== undefined && named.orgid !== OrgID) throw mismatch('Data.OrgID', named.orgid);
      return { ok: true, orgid: OrgID, event: value, canonical, origin: null, transfer: transferOf(value) };
    }
    if (!isJsonObject(value)) throw new SchemaError('NOT_AN_EVENT', `expected an object, got ${kindOf(value)}`);
    checkEvent(value);
    if (value.orgid !== named.orgid) throw mismatch('orgid', named.orgid);
    if (value.type !== named.type) throw mismatch('type', named.type);
    checkData(value.type, value.data);
    const { producer, sequence } = value;
    const origin = producer !== undefined && sequence !== undefined ? { producer, sequence: Number(sequence) } : null;
    return { ok: true, orgid: value.orgid, event: value, canonical, origin, transfer: transferOf(value) };
  } catch (error) {
    const reason = (error instanceof SchemaError && REJECTION_OF[error.code]) || 'unexpected';
    const detail = error instanceof Error ? error.message : String(error);
    // The detail becomes part of an entry: bounded, and well-formed although it has members' names.
    return { ok: false, reason, detail: detail.slice(0, MAX_DETAIL).toWellFormed() };
  }
}

/** Makes the event of its text when somebody asks for it: the ledger's writer does not. */
class PlainReading {
  readonly ok = true;
  readonly orgid: string;
  readonly canonical: string;
  readonly origin: Origin | null;
  readonly transfer: Transfer | null;

  /** @param orgid that of the event: one string for many events, so that maps find it sooner */
  constructor(orgid: string, canonical: string, { origin, transfer }: PlainEvent) {
    this.orgid = orgid;
    this.canonical = canonical;
    this.origin = origin;
    this.transfer = transfer;
  }

  get event(): JsonObject {
    return JSON.parse(this.canonical) as JsonObject;
  }
}

function dataOf(text: string): JsonObject {
  return (JSON.parse(text) as { data: JsonObject }).data;
}

function mismatch(field: string, token: string | undefined): SchemaError {
  return new SchemaError('NOT_AN_EVENT', `${field} is not what the subject says, which is ${show(token)}`);
}
