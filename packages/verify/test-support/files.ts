/** Makes what people have as files: replays, bills and receipts, as a publisher and a consumer make them. */
import { createPrivateKey, createPublicKey, hash, sign } from 'node:crypto';
import { type Bill, createPublisherScan, formatBill, makeStatement, signBill } from '@waybill/schema';
import {
  appendEntry,
  canonicalJson,
  emptyHead,
  type JsonObject,
  NO_VOLUME,
  originOf,
  parseEntry,
  signedText,
} from '@waybill/schema/internal';

// RFC 8032 §7.1, test 1.
const SEED = '9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60';
const privateKey = createPrivateKey({
  key: Buffer.from(`302e020100300506032b657004220420${SEED}`, 'hex'),
  format: 'der',
  type: 'pkcs8',
});

export const KEYID = '21fe31dfa154a261';
export const PUBLIC_KEY = createPublicKey(privateKey)
  .export({ format: 'der', type: 'spki' })
  .subarray(-32)
  .toString('base64');
/** The key of RFC 8032 §7.1, test 2. */
export const OTHER_KEY = 'PUAXw+hDiVqStwqnTRt+vJyYLM8uxJaMwM1V8Sr0Zgw=';

const signatureOf = (text: string): string => sign(null, Buffer.from(text), privateKey).toString('base64');
const sha256 = (text: string): string => hash('sha256', text, 'hex');
const START = Date.UTC(2026, 10, 1);
/** The nth entry is received at the beginning of the nth day of November 2026. */
const timeOf = (n: number): string => new Date(START + (n - 1) * 86_400_000).toISOString();

/** The nth event of an organization. */
export function makeEvent(n: number, attributes: JsonObject = {}): JsonObject {
  return {
    specversion: '1.0',
    id: `01997b3c-8a04-7000-8000-${String(n).padStart(12, '0')}`,
    source: '//x.example/é',
    type: 'run.started',
    time: timeOf(n),
    orgid: 'acme',
    producer: 'b1f0',
    producerseq: String(n),
    ...attributes,
  };
}

export function signEvent(event: JsonObject): JsonObject {
  const named = { ...event, keyid: KEYID };
  return { ...named, signature: signatureOf(signedText(named)) };
}

/** The lines of the chain of acme, without line feeds, one entry a day. */
export function makeReplay(events: readonly JsonObject[]): string[] {
  let head = emptyHead('acme');
  return events.map((event, i) => {
    const source = { stream: 'AUDIT', seq: i + 1, subject: `audit.run.started.${head.orgid}` };
    const origin = originOf(event);
    const next = appendEntry(
      head,
      { received: timeOf(i + 1), source, origin, event: canonicalJson(event), volume: NO_VOLUME },
      sha256,
    );
    ({ head } = next);
    return next.line;
  });
}

/** The lines of `_system` with these records, each of a message on the place that is given. */
export function makeSystem(
  records: readonly { readonly event: JsonObject & { readonly subject?: string }; readonly place: number }[],
): string[] {
  let head = emptyHead('_system');
  return records.map(({ event, place }) => {
    const source = { stream: 'AUDIT', seq: place, subject: event.subject ?? '' };
    const next = appendEntry(
      head,
      { received: timeOf(place), source, origin: null, event: canonicalJson(event), volume: NO_VOLUME },
      sha256,
    );
    ({ head } = next);
    return next.line;
  });
}

/** A record that acknowledges numbers of the publisher of `makeEvent`. */
export function acknowledged(
  first: number,
  last: number | null,
  more: JsonObject = {},
): JsonObject & { subject: string } {
  const said = { orgid: 'acme', producer: 'b1f0', first, last, by: 'ops', reason: 'a disk broke' };
  const message = { subject: 'waybill.control.acknowledge.acme', size: 1, sha256: `${first}`, payload: '' };
  return { kind: 'acknowledged', ...said, ...message, ...more };
}

/** A bill of these entries with a line for each of so many days of November 2026. */
export function makeBill(
  lines: readonly string[],
  { days = 3, isSigned = true, edit = (bill: Bill) => bill } = {},
): string {
  const entries = lines.map(parseEntry);
  const ats = Array.from({ length: days + 1 }, (_, i) => timeOf(i + 1));
  const cuts = ats.map((at) => ({ at, before: entries.findLast(({ core }) => core.received < at)?.core ?? null }));
  const after = ats.map((at) => entries.find(({ core }) => core.received >= at)?.core ?? null);
  const scan = createPublisherScan();
  for (const entry of entries) if (entry.core.received < (ats.at(-1) as string)) scan.add(entry);
  const completeness = { ...scan.report(), duplicates: '0', beyond_window: '0', rejected: '0', gaps: '0' };
  const tz = process.versions['tz'] ?? '2026c';
  const statement = makeStatement({ orgid: 'acme', zone: 'UTC', tz, issuedBy: 'Example Ltd', cuts, completeness });
  const signer = isSigned ? { keyid: KEYID, sign: signatureOf } : null;
  return formatBill(edit(signBill(statement, { after }, signer)));
}
