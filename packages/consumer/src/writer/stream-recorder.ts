/**
 * What `_system` says about the two streams' configuration: how it was at the first commit, and each change since
 * (docs/reference/format.md §10). A bill rests on streams that lose nothing. Whoever reads the ledger later can see
 * whether somebody loosened a stream meanwhile, even if it was set back.
 *
 * Each block of `_system` says in a header where the newest record is, so it is found without reading the chain.
 * Nothing that is verified depends on the header: if it is missing, the configuration is recorded once more. A change
 * that was seen is forgotten when the ledger is found to have it, not when it is sent.
 */
import type { JetStreamManager } from '@nats-io/jetstream';
import { canonicalJson } from '@waybill/schema';
import {
  type ChainState,
  decodeUtf8,
  EPOCH_STRIDE,
  formatLedgerSubject,
  type JsonObject,
  parseBlock,
  SYSTEM_CHAIN,
  type StreamChange,
  type SystemRecord,
} from '@waybill/schema/internal';
import type { Settings } from '../settings.ts';
import { newestBlockOfAll } from '../ledger/ledger-end.ts';
import { entryAt } from '../ledger/stored-block.ts';
import { getLastMessage, getMessage } from '../nats/leader-get.ts';
import { readStreamInfo } from '../nats/stream-info.ts';
import { mayHarmLedger } from '../streams/stream-config.ts';
import {
  configsOf,
  type NewestRecord,
  type Observation,
  type StreamConfigs,
  type StreamHistory,
} from '../streams/stream-history.ts';
import type { Fold, RecordPlace } from './fold.ts';

/** Header of each `_system` block: the sequence in LEDGER of the block with the newest record, or `IN_THIS_BLOCK`. */
export const STREAMS_HEADER = 'Waybill-Streams';
export const IN_THIS_BLOCK = 'this';

type StreamRecord = SystemRecord & { readonly kind: 'streams' };

export interface StreamRecorder {
  /** Sequence in LEDGER of the block with the newest record; null when none is known. */
  readonly recordedAt: number | null;
  /** Where a record goes: at the last item that is folded. null: nowhere yet, because the ledger is empty. */
  place: RecordPlace | null;
  /** Folds records of all changes, for a commit that also has events. */
  recordAll(fold: Fold, system: ChainState): void;
  /**
   * The same when no event waits to be committed. Stops before a change of LEDGER that may let a new block remove an old
   * one: no block is made only to record it. It is recorded with the next events.
   */
  recordIdle(fold: Fold, system: ChainState): void;
}

export interface RecorderOptions {
  readonly jsm: JetStreamManager;
  readonly settings: Settings;
  readonly history: StreamHistory;
  /** Every message of AUDIT up to here is in the ledger. */
  readonly watermark: number;
}

/** Looks at the streams, and at what the ledger has of them. */
export async function startStreamRecorder(options: RecorderOptions): Promise<StreamRecorder> {
  const { jsm, settings, history } = options;
  const recordedAt = await findRecord(jsm, settings);
  const newest = recordedAt === null ? null : await readRecorded(jsm, settings, recordedAt);
  history.settle(newest);
  const { auditStream, ledgerStream } = settings;
  history.observe(configsOf(await Promise.all([readStreamInfo(jsm, auditStream), readStreamInfo(jsm, ledgerStream)])));
  const nextRecords = createRecordQueue(history, newest?.config ?? null);
  let place = await findPlace(options);

  function record(fold: Fold, { head }: ChainState, isEnd: (change: StreamChange) => boolean): void {
    if (!place) return;
    // An epoch is found by its record's number, which no other entry may have (audit/epoch.ts): not before its first
    // message.
    if (Math.max(place.seq, head.sourceSeq) % EPOCH_STRIDE === 0) return;
    for (const one of nextRecords(isEnd)) fold.record(one, place);
  }

  return {
    recordedAt,
    get place() {
      return place;
    },
    set place(next) {
      place = next;
    },
    recordAll: (fold, system) => record(fold, system, () => false),
    recordIdle: (fold, system) =>
      record(fold, system, ({ stream, field }) => stream === ledgerStream && mayHarmLedger(field)),
  };
}

/** @returns a function that gives each record once, the oldest first, up to a change at which it stops */
function createRecordQueue(
  history: StreamHistory,
  found: StreamConfigs | null,
): (isEnd: (change: StreamChange) => boolean) => StreamRecord[] {
  let recorded = found;
  /** The newest observation that a record was made of, or that changed nothing. */
  let done: Observation | null = null;

  return (isEnd) => {
    const records: StreamRecord[] = [];
    const start = done ? history.seen.indexOf(done) + 1 : 0;
    for (const seen of history.seen.slice(start)) {
      const { time, config } = seen;
      const changes = recorded ? changesOf(recorded, config) : [];
      if (changes.some(isEnd)) break;
      done = seen;
      if (recorded && changes.length === 0) continue;
      recorded = config;
      records.push({ kind: 'streams', time, changes, config });
    }
    return records;
  };
}

/**
 * The place of the ledger's newest entry. A record there changes nothing for whoever looks at the newest entry to see
 * which stream the ledger is made from (audit/stream-identity.ts). Not above the watermark: messages may still come to
 * `_system` from there.
 */
async function findPlace({ jsm, settings, watermark }: RecorderOptions): Promise<RecordPlace | null> {
  const block = await newestBlockOfAll(jsm, settings);
  if (!block) return null;
  const { core } = entryAt(settings, block, -1);
  return { seq: Math.min(core.source.seq, watermark), received: core.received };
}

/**
 * If another writer is faster than this look, our next block of `_system` is refused, and the next session looks again.
 */
async function findRecord(jsm: JetStreamManager, settings: Settings): Promise<number | null> {
  const subject = formatLedgerSubject(SYSTEM_CHAIN, settings.ledgerPrefix);
  const newest = await getLastMessage(jsm, settings.ledgerStream, subject);
  const at = newest?.header?.get(STREAMS_HEADER);
  if (newest && at === IN_THIS_BLOCK) return newest.seq;
  return at && /^[1-9]\d{0,15}$/.test(at) ? Number(at) : null;
}

async function readRecorded(jsm: JetStreamManager, settings: Settings, at: number): Promise<NewestRecord | null> {
  const message = await getMessage(jsm, settings.ledgerStream, at);
  if (message?.subject !== formatLedgerSubject(SYSTEM_CHAIN, settings.ledgerPrefix)) return null;
  const entry = parseBlock(decodeUtf8(message.data)).entries.findLast(({ event }) => event?.['kind'] === 'streams');
  const record = entry?.event as StreamRecord | null | undefined;
  return record ? { at, time: record.time, config: record.config } : null;
}

function changesOf(before: StreamConfigs, after: StreamConfigs): StreamChange[] {
  return Object.entries(after).flatMap(([stream, fields]) => {
    const old: JsonObject = before[stream] ?? {};
    return Object.keys({ ...old, ...fields })
      .filter((field) => canonicalJson(old[field] ?? null) !== canonicalJson(fields[field] ?? null))
      .map((field) => ({ stream, field, before: old[field] ?? null, after: fields[field] ?? null }));
  });
}
