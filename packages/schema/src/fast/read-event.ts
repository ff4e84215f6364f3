/**
 * Reads an event of our own publishers in its text. To chain an event, the plain way parses it, checks it, and prints
 * it again to see that it is canonical. That is most of the cost. One regular expression, made of the rules of
 * `check-event.ts`, does all three.
 *
 * It knows events in canonical JSON without escapes, with attributes of the specification only, of an organization that
 * is billed. Of any other text it says nothing, and the plain way (`message/read-message.ts`) decides.
 * `read-event.test.ts` holds the two together, on invalid events too.
 */
import type { EventFacts } from '../event/event-facts.ts';
import type { Origin } from '../event/origin.ts';
import { DOWNLOADED_TYPE, type Transfer, transferOf, UPLOADED_TYPE } from '../event/transfer.ts';
import { detached } from '../json/detached.ts';
import type { JsonObject } from '../json/json.ts';
import { createTextMemo } from '../json/text-memo.ts';
import { type AttributeRule, REQUIRED, RULES } from './check-event.ts';
import { isCertainlyCanonical } from './is-canonical.ts';

/** A character that prints as itself between quotes. Surrogates are left out: a lone one has no canonical form. */
const CHAR = String.raw`[^"\\\0-\x1f\ud800-\udfff]`;

/**
 * The data of an artifact event. Captures digest, size and whether it was skipped. Integers of fifteen digits are
 * exact.
 */
const ARTIFACT_DATA =
  String.raw`\{(?:"backend_type":"${CHAR}{1,64}",)?"digest":"(sha256:[0-9a-f]{64})"` +
  String.raw`(?:,"file_name":"${CHAR}{1,1024}")?(?:,"size_bytes":(0|[1-9]\d{0,14}))?(?:,"skipped":(true|false))?\}`;
/** Any data. Captures a text that has to be checked. The pattern may match too much, but then the text is no JSON. */
const ANY_DATA = String.raw`(\{.*\})`;
/** Any type but those that end with the reserved action. */
const ANY_TYPE = String.raw`[a-z0-9_-]{1,64}\.(?!batch")[a-z0-9_-]{1,64}`;
/** The types that transfer bytes. */
const ARTIFACT_TYPE = [UPLOADED_TYPE, DOWNLOADED_TYPE].map((type) => type.replace('.', String.raw`\.`)).join('|');

const CAPTURED: ReadonlySet<string> = new Set(['orgid', 'outcome', 'producer', 'producerseq', 'type']);

/** The pattern of a whole event. Captures what `data` captures, then orgid, outcome, producer, producerseq and type. */
function eventPattern(data: string, type: string | null): RegExp {
  const members = [...RULES.keys(), 'data'].toSorted().map((name) => {
    const value = name === 'data' ? data : `"${CAPTURED.has(name) ? `(${valueOf(name, type)})` : valueOf(name, type)}"`;
    // `type` is the last member.
    const member = `"${name}":${value}${name === 'type' ? '' : ','}`;
    return REQUIRED.has(name) ? member : `(?:${member})?`;
  });
  return new RegExp(writtenOut(String.raw`^\{${members.join('')}\}$`));
}

/** Writes repetitions of a fixed count out. V8 counts them at run time otherwise, which takes twice as long. */
function writtenOut(pattern: string): string {
  return pattern.replaceAll(/(\[[^\]]*\])\{(\d+)\}/g, (_, chars: string, times: string) => chars.repeat(Number(times)));
}

function valueOf(name: string, type: string | null): string {
  const { max, pattern, isText } = RULES.get(name) as AttributeRule;
  if (name === 'type') return type ?? ANY_TYPE;
  if (isText) return `${CHAR}{1,${max}}`;
  // Without anchors and captures. None of these patterns matches a character that JSON escapes.
  return pattern.source.slice(1, -1).replaceAll(/\((?!\?)/g, '(?:');
}

const ARTIFACT_EVENT = eventPattern(ARTIFACT_DATA, ARTIFACT_TYPE);
const ANY_EVENT = eventPattern(ANY_DATA, null);

/** @returns null: the text is not known here, and may be an event or not */
export function readEventFacts(text: string): EventFacts | null {
  const artifact = ARTIFACT_EVENT.exec(text);
  if (artifact === null) return readOther(text);
  const [, digest = '', size, skipped, orgid = '', outcome, producer, producerseq, type = ''] = artifact;
  const origin = originOf(producer, producerseq);
  if (origin === undefined) return null;
  const kind = type === DOWNLOADED_TYPE ? 'download' : skipped === 'true' ? 'deduplicated' : 'upload';
  const bytes = size === undefined ? null : Number(size);
  // A failed transfer states its bytes in `transferred_bytes`, which this pattern does not know.
  const transfer: Transfer | null = outcome === 'failure' ? null : { kind, digest, bytes };
  return { type, orgid, outcome, origin, transfer, data: null };
}

function readOther(text: string): EventFacts | null {
  const match = ANY_EVENT.exec(text);
  if (match === null) return null;
  const [, dataText = '', orgid = '', outcome, producer, producerseq, type = ''] = match;
  const origin = originOf(producer, producerseq);
  if (origin === undefined || !isCertainlyCanonical(dataText)) return null;
  const data = JSON.parse(dataText) as JsonObject;
  const transfer = transferOf({ type, data, ...(outcome !== undefined && { outcome }) });
  return { type, orgid, outcome, origin, transfer, data };
}

/** @returns undefined: one of the two is given without the other */
function originOf(producer: string | undefined, producerseq: string | undefined): Origin | null | undefined {
  if (producer === undefined) return producerseq === undefined ? null : undefined;
  if (producerseq === undefined) return undefined;
  if (producer !== lastProducer) lastProducer = sameProducer(producer, '');
  return { producer: lastProducer, producerseq: Number(producerseq) };
}

/** One string for all events of a publisher. Maps find it sooner, and it keeps no event's text in memory. */
const sameProducer = createTextMemo(detached);
let lastProducer = '';
