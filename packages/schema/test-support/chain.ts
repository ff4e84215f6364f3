/** Makes chains for tests as a consumer does: event, message, volume, entry. */
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import {
  appendEntry,
  canonicalJson,
  createDataCheck,
  createSizeMemory,
  emptyHead,
  formatEventSubject,
  type Head,
  type JsonObject,
  NO_VOLUME,
  originOf,
  readMessage,
  type Source,
  stampEvent,
  toAttributeText,
  transferOf,
} from '../src/internal.ts';

export const fastSha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
export const digestOf = (text: string): string => `sha256:${fastSha256(text)}`;

export interface Spec {
  readonly what: 'upload' | 'skip' | 'download' | 'other' | 'chainloop';
  /** The number of the artifact. */
  readonly artifact: number;
  readonly bytes: number | null;
  /** The number of the publisher; null: the event has no origin. */
  readonly producer: number | null;
  readonly note?: string;
  /** `source.index`. */
  readonly index?: number;
}

export interface Chain {
  readonly lines: string[];
  readonly head: Head;
}

const START = Date.UTC(2026, 0, 1);
const checkData = createDataCheck();
const encoder = new TextEncoder();

/** An event's subject and its text on the wire. */
function makeMessage(orgid: string, n: number, spec: Spec, sequence: number): { subject: string; text: string } {
  const digest = digestOf(`artifact ${spec.artifact}`);
  const size = spec.bytes === null ? {} : { size_bytes: spec.bytes };
  if (spec.what === 'chainloop') {
    const Info = { digest: digest.slice(7), size_bytes: spec.bytes ?? 0, skipped: spec.bytes === null };
    const Data = { ActionType: 'CASArtifactUploaded', TargetType: 'CASArtifact', OrgID: orgid, Info };
    const text = JSON.stringify({ EventType: 'AUDIT_EVENT', Timestamp: timeOf(n), Data });
    return { subject: 'audit.casartifact.casartifactuploaded', text };
  }
  const type = {
    upload: 'casartifact.uploaded',
    skip: 'casartifact.uploaded',
    download: 'casartifact.downloaded',
    other: 'release.approved',
  }[spec.what];
  const data =
    spec.what === 'other'
      ? { version: spec.note ?? '1.0' }
      : { digest, file_name: spec.note, ...size, ...(spec.what === 'skip' && { skipped: true }) };
  const stamp = {
    id: `01997b3c-0000-7000-8000-${n.toString(16).padStart(12, '0')}`,
    source: '//test.example/service',
    time: timeOf(n),
    ...(spec.producer !== null && { producer: `boot-${spec.producer}`, producerseq: String(sequence) }),
  };
  const actorname = spec.note && toAttributeText(spec.note);
  const { text } = stampEvent(type, { orgid, actorname, ...data }, stamp, checkData);
  return { subject: formatEventSubject({ type, orgid }), text };
}

const timeOf = (n: number): string => new Date(START + n * 1000).toISOString();

/** @param sequenceOf the publisher's number of the nth event. Default: 1, 2, 3 … per publisher */
export function makeChain(orgid: string, specs: readonly Spec[], sequenceOf?: (n: number) => number): Chain {
  let head = emptyHead(orgid);
  const lines: string[] = [];
  const sizes = createSizeMemory();
  const counters = new Map<number | null, number>();
  specs.forEach((spec, i) => {
    const n = i + 1;
    const sequence = sequenceOf?.(n) ?? (counters.get(spec.producer) ?? 0) + 1;
    // Chainloop's events have no number.
    if (spec.what !== 'chainloop') counters.set(spec.producer, sequence);
    const { subject, text } = makeMessage(orgid, n, spec, sequence);
    const message = readMessage(subject, encoder.encode(text));
    if (message.form !== 'single') throw new Error('an array');
    const { reading } = message;
    if (!reading.ok) throw new Error(`${reading.reason}: ${reading.detail}`);
    const transfer = transferOf(reading.event);
    const volume = transfer ? sizes.resolve(n, transfer) : NO_VOLUME;
    if (transfer) sizes.note(n, transfer, volume);
    const { origin } = reading;
    const source = { stream: 'AUDIT', seq: n * 2, ...(spec.index !== undefined && { index: spec.index }), subject };
    const received = timeOf(n);
    const next = appendEntry(head, { received, source, origin, event: reading.canonical, volume }, fastSha256);
    head = next.head;
    lines.push(next.line);
  });
  return { lines, head };
}

export const anySpec: fc.Arbitrary<Spec> = fc.record(
  {
    what: fc.constantFrom('upload', 'skip', 'download', 'other', 'chainloop'),
    artifact: fc.nat(3),
    bytes: fc.option(fc.oneof(fc.nat(1000), fc.constant(Number.MAX_SAFE_INTEGER))),
    producer: fc.option(fc.nat(2)),
    note: fc.constantFrom('a', 'ü', '😀', '\ufffd', 'line\nbreak', '</é>'),
    index: fc.constantFrom(0, 7, 255),
  },
  { requiredKeys: ['what', 'artifact', 'bytes', 'producer', 'note'] },
);

/**
 * The chain with another history from the entry `from` (its `seq`) on, and with right hashes. An operator could do
 * this.
 */
export function recompute(
  lines: readonly string[],
  from: number,
  change: (event: JsonObject, seq: number) => JsonObject | null,
): string[] {
  const kept = lines.slice(0, from - 1);
  const orgid = (JSON.parse(lines[0] as string) as { core: { orgid: string } }).core.orgid;
  let head: Head = emptyHead(orgid);
  const sizes = createSizeMemory();
  const out: string[] = [];
  for (const [i, line] of lines.entries()) {
    const { core, event } = JSON.parse(line) as { core: { received: string; source: Source }; event: JsonObject };
    const changed = i + 1 < from ? event : change(event, i + 1);
    if (changed === null) continue;
    const seq = head.seq + 1;
    const transfer = transferOf(changed);
    const volume = transfer ? sizes.resolve(seq, transfer) : NO_VOLUME;
    if (transfer) sizes.note(seq, transfer, volume);
    const next = appendEntry(
      head,
      {
        received: core.received,
        source: core.source,
        origin: originOf(changed),
        event: canonicalJson(changed),
        volume,
      },
      fastSha256,
    );
    head = next.head;
    out.push(next.line);
  }
  return [...kept, ...out.slice(kept.length)];
}
