/**
 * The quick way to read an event of our own publishers. Parsing an event, checking it and printing it again, to see that it is canonical, is
 * most of what chaining it would cost; one regular expression, which is made of the rules in event.ts, does the three.
 *
 * It knows the plain events: canonical JSON without escapes, with no attributes but those of the specification, of an
 * organization that is billed. Of any other text it says nothing, and the general way decides. What it takes is an event
 * there, and the same one: plain-event.test.ts holds the two together, on invalid events too.
 */
import { artifactDownloaded, artifactUploaded } from '../event/types/artifact.ts';
import { isPlainCanonical } from './is-canonical.ts';
import { detached } from '../json/detached.ts';
import { REQUIRED, RULES, type StringRule } from '../event/event.ts';
import type { JsonObject } from '../json/json.ts';
import type { Origin } from '../event/origin.ts';
import { createTextMemo } from '../json/text-memo.ts';
import { type Transfer, transferOf } from '../event/transfer.ts';

export interface PlainEvent {
  readonly type: string;
  readonly orgid: string;
  readonly outcome: string | undefined;
  /** null for events without `producer` and `producerseq`. */
  readonly origin: Origin | null;
  readonly transfer: Transfer | null;
  /** null: that of an artifact event, good by its built-in schema. */
  readonly data: JsonObject | null;
}

/** Characters that print as themselves between quotes. Without surrogates: a lone one has no canonical form. */
const CHAR = String.raw`[^"\\\0-\x1f\ud800-\udfff]`;

/** An artifact's data; captures digest, size and whether it was skipped. Integers of fifteen digits are exact. */
const ARTIFACT_DATA =
  String.raw`\{(?:"backend_type":"${CHAR}{1,64}",)?"digest":"(sha256:[0-9a-f]{64})"` +
  String.raw`(?:,"file_name":"${CHAR}{1,1024}")?(?:,"size_bytes":(0|[1-9]\d{0,14}))?(?:,"skipped":(true|false))?\}`;
/** Captures what has to be looked at: wherever the brackets really close, only one place can fit. */
const ANY_DATA = String.raw`(\{.*\})`;
/** No type ends with the reserved action. */
const ANY_TYPE = String.raw`[a-z0-9_-]{1,64}\.(?!batch")[a-z0-9_-]{1,64}`;
/** Those that move bytes. */
const ARTIFACT_TYPE = [artifactUploaded, artifactDownloaded]
  .map(({ type }) => type.replace('.', String.raw`\.`))
  .join('|');

const CAPTURED: ReadonlySet<string> = new Set(['orgid', 'outcome', 'producer', 'producerseq', 'type']);

/** Captures what `data` does, then orgid, outcome, producer, producerseq and type. */
function eventPattern(data: string, type: string | null): RegExp {
  const members = [...RULES.keys(), 'data'].toSorted().map((name) => {
    const value = name === 'data' ? data : `"${CAPTURED.has(name) ? `(${valueOf(name, type)})` : valueOf(name, type)}"`;
    // `type` is the last one.
    const member = `"${name}":${value}${name === 'type' ? '' : ','}`;
    return REQUIRED.has(name) ? member : `(?:${member})?`;
  });
  return new RegExp(writtenOut(String.raw`^\{${members.join('')}\}$`));
}

/** V8 counts more than a few repetitions of one length at run time, which takes twice as long as if they are written out. */
function writtenOut(pattern: string): string {
  return pattern.replaceAll(/(\[[^\]]*\])\{(\d+)\}/g, (_, chars: string, times: string) => chars.repeat(Number(times)));
}

function valueOf(name: string, type: string | null): string {
  const { max, pattern, isText } = RULES.get(name) as StringRule;
  if (name === 'type') return type ?? ANY_TYPE;
  if (isText) return `${CHAR}{1,${max}}`;
  // Without its anchors, and capturing nothing. None of these patterns matches a character that JSON escapes.
  return pattern.source.slice(1, -1).replaceAll(/\((?!\?)/g, '(?:');
}

const ARTIFACT_EVENT = eventPattern(ARTIFACT_DATA, ARTIFACT_TYPE);
const ANY_EVENT = eventPattern(ANY_DATA, null);

/** @returns null: it is not plain, if it is an event at all */
export function readPlainEvent(text: string): PlainEvent | null {
  const artifact = ARTIFACT_EVENT.exec(text);
  if (artifact === null) return readOther(text);
  const [, digest = '', size, skipped, orgid = '', outcome, producer, producerseq, type = ''] = artifact;
  const origin = originOf(producer, producerseq);
  if (origin === undefined) return null;
  const kind = type === artifactDownloaded.type ? 'download' : skipped === 'true' ? 'deduplicated' : 'upload';
  const bytes = size === undefined ? null : Number(size);
  // What moved before it failed would be in data that this pattern does not know.
  const transfer: Transfer | null = outcome === 'failure' ? null : { kind, digest, bytes };
  return { type, orgid, outcome, origin, transfer, data: null };
}

function readOther(text: string): PlainEvent | null {
  const match = ANY_EVENT.exec(text);
  if (match === null) return null;
  const [, dataText = '', orgid = '', outcome, producer, producerseq, type = ''] = match;
  const origin = originOf(producer, producerseq);
  if (origin === undefined || !isPlainCanonical(dataText)) return null;
  const data = JSON.parse(dataText) as JsonObject;
  const transfer = transferOf({ type, data, ...(outcome !== undefined && { outcome }) });
  return { type, orgid, outcome, origin, transfer, data };
}

/** @returns undefined: one is there without the other */
function originOf(producer: string | undefined, producerseq: string | undefined): Origin | null | undefined {
  if (producer === undefined) return producerseq === undefined ? null : undefined;
  if (producerseq === undefined) return undefined;
  if (producer !== lastProducer) lastProducer = sameProducer(producer, '');
  return { producer: lastProducer, producerseq: Number(producerseq) };
}

/** One string for many events of a publisher: maps find it sooner, and keep no event alive with it. */
const sameProducer = createTextMemo(detached);
let lastProducer = '';
