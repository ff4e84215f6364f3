/**
 * The claim of an entry: what it says about the message of AUDIT that it is made from, in few bytes. A claim has a
 * label (which chain, what kind of entry) and a digest of everything that follows from the message. Verification makes
 * the same digest from the message itself.
 */
import { canonicalJson, type Volume } from '@waybill/schema';
import {
  type Acknowledgement,
  type ControlReading,
  type Entry,
  type Json,
  type JsonObject,
  type Origin,
  type Reading,
  SYSTEM_CHAIN,
} from '@waybill/schema/internal';
import * as crypto from 'node:crypto';
import { keepMessage } from '../ledger/kept-message.ts';

/**
 * - `event`: an organization's event
 * - `erased`: the same, with only its core left; its volume has to be compared as well
 * - `rejected`, `repeated`: a record in `_system` that the message is no event, or an event that its chain already has
 * - `acknowledged`: a record that an operator acknowledged a loss
 * - `statement`: a record of something else that an operator said, which this version does not read in messages
 * - `erased_record`: a record in `_system` with only its core left
 */
type EntryForm = 'event' | 'erased' | 'rejected' | 'repeated' | 'acknowledged' | 'statement' | 'erased_record';

/** What a message, or an event of one, turned out to be. */
export type MessageReading = Reading | ControlReading;

export interface Label {
  readonly number: number;
  readonly chain: string;
  readonly form: EntryForm;
  /** Of a record, its kind; of a rejected message, the reason and the detail. Otherwise empty. */
  readonly what: string;
}

export interface Labels {
  /** The label for these; the same one each time. */
  of(chain: string, form: EntryForm, what?: string): Label;
  get(number: number): Label | null;
}

export function createLabels(): Labels {
  const all: Label[] = [];
  const known = new Map<string, Label>();
  /** The labels of most entries, one for each chain. */
  const events = new Map<string, Label>();

  function add(chain: string, form: EntryForm, what: string): Label {
    const label = { number: all.length + 1, chain, form, what };
    all.push(label);
    return label;
  }

  function ofEvents(chain: string): Label {
    const label = events.get(chain) ?? add(chain, 'event', '');
    events.set(chain, label);
    return label;
  }

  return {
    of(chain, form, what = '') {
      if (form === 'event') return ofEvents(chain);
      const key = `${form} ${chain} ${what}`;
      const label = known.get(key) ?? add(chain, form, what);
      known.set(key, label);
      return label;
    },
    get: (number) => all[number - 1] ?? null,
  };
}

/**
 * Makes an entry's claim.
 *
 * @param entry `event` is null for organizations' entries: to read it costs as much as all else
 */
export function claimOf(
  core: Entry['core'],
  { origin, event, isErased }: { origin: Origin | null; event: JsonObject | null; isErased: boolean },
  labels: Labels,
): { label: Label; digest: Buffer } {
  const { orgid, received, source, event_hash: eventHash, volume } = core;
  const { subject } = source;
  if (orgid !== SYSTEM_CHAIN) {
    const facts = { eventHash, received, subject, origin };
    return isErased
      ? { label: labels.of(orgid, 'erased'), digest: digestOfEvent(facts, volume) }
      : { label: labels.of(orgid, 'event'), digest: digestOfEvent(facts, null) };
  }
  if (event === null)
    return { label: labels.of(orgid, 'erased_record'), digest: digestOfRecordHash(eventHash, subject) };
  const [form, what] = whatOf(event);
  return { label: labels.of(orgid, form, what), digest: DIGESTS[form](event, subject) };
}

type RecordForm = Exclude<EntryForm, 'event' | 'erased' | 'erased_record'>;

function whatOf(event: JsonObject): [RecordForm, string] {
  const { kind, reason, detail } = event;
  if (kind === 'rejected') return ['rejected', rejectedAs(textOf(reason), textOf(detail))];
  if (kind === 'duplicate' || kind === 'beyond_window') return ['repeated', kind];
  return [kind === 'acknowledged' ? kind : 'statement', textOf(kind)];
}

/** A forged record may have any value in place of a text. */
function textOf(value: Json | undefined): string {
  return typeof value === 'string' ? value : JSON.stringify(value ?? null);
}

export function rejectedAs(reason: string, detail: string): string {
  return `${reason} (${detail})`;
}

export interface EventFacts {
  readonly eventHash: string;
  readonly received: string;
  readonly subject: string;
  readonly origin: Origin | null;
}

/**
 * @param volume that of an erased entry. Any other entry's volume follows from the event, whose hash is in the digest
 */
export function digestOfEvent({ eventHash, received, subject, origin }: EventFacts, volume: Volume | null): Buffer {
  const number = origin ? `${origin.producer} ${origin.producerseq}` : '-';
  const moved = volume ? `${volume.kind} ${volume.bytes} ${volume.from ?? '-'}` : '-';
  return crypto.hash('sha256', `${eventHash} ${received} ${number} ${moved} ${subject}`, 'buffer');
}

/**
 * The digest of a record that stands for a message. `received` is not part of it: `_system` also has entries of gaps,
 * whose times cannot be compared with anything. What was found wrong with a message is in the label.
 */
export function digestOfRecord(record: JsonObject, subject: string): Buffer {
  const { reason: _reason, detail: _detail, ...facts } = record;
  return digestOfErasedRecord(facts, subject);
}

/** The record of an acknowledgement, as the writer makes it. */
export function acknowledgedRecord(
  acknowledged: Acknowledgement,
  message: { subject: string; payload: Uint8Array },
): JsonObject {
  return { kind: 'acknowledged', ...acknowledged, ...keepMessage(message.subject, message.payload) };
}

/** The digest of what a record of an operator's statement keeps of its message. */
export function digestOfStatement(record: JsonObject, subject: string): Buffer {
  const { subject: named, size, sha256, payload } = record;
  return digestOfErasedRecord(digestible({ subject: named, size, sha256, payload }), subject);
}

function digestible(members: Readonly<Record<string, Json | undefined>>): JsonObject {
  return Object.fromEntries(Object.entries(members).map(([name, value]) => [name, value ?? null]));
}

function digestOfRecordHash(recordHash: string, subject: string): Buffer {
  return crypto.hash('sha256', `${recordHash} ${subject}`, 'buffer');
}

/** The digest that an erased record has if it was this one. */
export function digestOfErasedRecord(record: JsonObject, subject: string): Buffer {
  return digestOfRecordHash(crypto.hash('sha256', canonicalJson(record), 'hex'), subject);
}

const DIGESTS = {
  rejected: digestOfRecord,
  repeated: digestOfRecord,
  acknowledged: digestOfErasedRecord,
  statement: digestOfStatement,
} satisfies Record<RecordForm, (record: JsonObject, subject: string) => Buffer>;

/**
 * The record that the writer makes of a message, or of an event in it (`docs/reference/format.md` §10); null when it
 * makes none.
 */
export function recordOf(
  reading: Reading,
  message: { subject: string; payload: Uint8Array },
  kind: 'rejected' | 'duplicate' | 'beyond_window',
): JsonObject | null {
  const kept = keepMessage(message.subject, message.payload);
  if (!reading.ok) {
    const { reason, detail } = reading;
    return { kind: 'rejected', reason, detail, ...kept };
  }
  const { orgid, origin } = reading;
  if (!origin) return null;
  return { kind, orgid, producer: origin.producer, producerseq: String(origin.producerseq), ...kept };
}
