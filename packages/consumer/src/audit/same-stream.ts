/**
 * Checks a stream of our own: is it still the one that the ledger was made from? A stream that was restored from a
 * backup older than the ledger's gives sequence numbers to new events that the ledger has for other events. Those
 * events would be taken for chained, and never be. So before writing, the newest event in the ledger is compared with
 * the stream's message.
 */
import type { JetStreamManager, StreamState } from '@nats-io/jetstream';
import { readMessage } from '@waybill/schema';
import { comparePlaces, type Entry, SYSTEM_CHAIN } from '@waybill/schema/internal';
import { createHash } from 'node:crypto';
import { ConsumerError } from '../errors.ts';
import type { Settings } from '../settings.ts';
import { nodeSha256 } from '../sha256.ts';
import { entryAt, readStored } from '../ledger/stored-block.ts';
import { getMessage } from '../nats/leader-get.ts';
import { readStreamInfo } from '../nats/stream-info.ts';

/** How many blocks to look at together. The newest event of a commit is in one of its last blocks. */
const BLOCKS = 16;
/** How often to look for an entry that stands for a message. A ledger that was idle may end in many records. */
const LOOKS = 64;

export interface SameStreamOptions {
  readonly jsm: JetStreamManager;
  readonly settings: Settings;
  readonly audit: StreamState;
  readonly watermark: number;
}

/** @throws ConsumerError STREAM_RESET */
export async function checkSameStream({ jsm, settings, audit, watermark }: SameStreamOptions): Promise<void> {
  const stream = settings.auditStream;
  if (audit.last_seq < watermark) {
    throw new ConsumerError(
      'STREAM_RESET',
      `stream ${stream} ends at ${audit.last_seq}, but the ledger has its messages up to ${watermark}: ` +
        'it was deleted and made anew, or restored from an older backup (docs/guides/incidents.md)',
    );
  }
  const entry = await newestEntry(jsm, settings);
  if (!entry) return;
  const { seq, subject } = entry.core.source;
  const message = seq >= audit.first_seq ? await getMessage(jsm, stream, seq) : null;
  // It expired or was lost. Reading and verification find that out.
  if (!message) return;
  const differs = (what: string): ConsumerError =>
    new ConsumerError(
      'STREAM_RESET',
      `stream ${stream}, message ${seq}: ${what} than entry ${entry.core.seq} of ${entry.core.orgid} says, ` +
        `and the ledger has its messages up to ${watermark}: ` +
        'the stream was deleted and made anew, or restored from an older backup (docs/guides/incidents.md)',
    );
  // `received` is the time at which the stream stored it, or a later one if clocks disagreed.
  if (message.time.toISOString() > entry.core.received) throw differs(`it was stored later (${message.timestamp})`);
  if (!mayBeSameSubject(message.subject, subject)) throw differs(`it is on another subject (${message.subject})`);
  const { index } = entry.core.source;
  const read = readMessage(message.subject, message.data, {
    subjectPrefix: settings.auditPrefix,
    controlPrefix: settings.controlPrefix,
  });
  const element = read.form === 'batch' && index !== undefined ? read.elements[index] : undefined;
  if (entry.core.orgid === SYSTEM_CHAIN) {
    // The record is of the whole message, or of one event in it.
    const payload = index === undefined ? message.data : element?.payload;
    const recorded = entry.event?.['sha256'];
    const found = payload && createHash('sha256').update(payload).digest('hex');
    if (typeof recorded === 'string' && recorded !== found) throw differs('it is another message');
    return;
  }
  const reading = read.form === 'single' && index === undefined ? read.reading : element?.reading;
  if (!reading?.ok || nodeSha256(reading.canonical) !== entry.core.event_hash) throw differs('it is another event');
}

/**
 * Whether two texts may be the same subject. A subject is bytes that a producer chooses. Bytes that are no UTF-8 become
 * different texts in the server's JSON and in Node. So only what is ASCII in both is compared, which no decoder
 * changes.
 */
function mayBeSameSubject(a: string, b: string): boolean {
  return asciiOf(a) === asciiOf(b);
}

function asciiOf(subject: string): string {
  return subject.replaceAll(/[^\0-\x7f]+/g, '\uFFFD');
}

/**
 * Of the last entries of the last blocks, the one with the newest message of AUDIT; null when none stands for a
 * message.
 */
async function newestEntry(jsm: JetStreamManager, settings: Settings): Promise<Entry | null> {
  const { state } = await readStreamInfo(jsm, settings.ledgerStream);
  let to = state.last_seq;
  for (let looks = 0; looks < LOOKS && to > 0; looks++, to -= BLOCKS) {
    const entry = await newestEntryAmong(jsm, settings, to);
    if (entry) return entry;
  }
  return null;
}

async function newestEntryAmong(jsm: JetStreamManager, settings: Settings, to: number): Promise<Entry | null> {
  const from = Math.max(1, to - BLOCKS + 1);
  const blocks = await Promise.all(
    Array.from({ length: to - from + 1 }, async (_, i) => {
      const message = await getMessage(jsm, settings.ledgerStream, from + i);
      return message && readStored(settings, message.subject, message);
    }),
  );
  const entries = blocks
    .filter((block) => block !== null)
    .map((block) => entryAt(settings, block, -1))
    // Records that stand for no message have no subject.
    .filter(({ core }) => core.source.subject !== '' && core.source.stream === settings.auditStream);
  return entries.reduce<Entry | null>(
    (newest, entry) => (newest && comparePlaces(newest.core.source, entry.core.source) >= 0 ? newest : entry),
    null,
  );
}
