/**
 * What `_system` says about the two streams' configuration: how it was with the first commit, and each change since
 * (docs/format.md §10). A bill rests on streams that lose nothing: who reads the ledger later can see whether somebody
 * had loosened that meanwhile, also when it was set back.
 *
 * What was recorded last is in the ledger, and found without reading it: each block of `_system` says in a header where
 * the newest record is. Nothing that is verified depends on the header; without it, the configuration is recorded again.
 * So a change that was seen is forgotten when the ledger is found to have it, and not when it is sent.
 */
import type { JetStreamManager } from '@nats-io/jetstream';
import {
  canonicalJson,
  decodeUtf8,
  formatLedgerSubject,
  type JsonObject,
  parseBlock,
  SYSTEM_CHAIN,
  type StreamChange,
  type SystemRecord,
} from '@waybill/schema';
import type { Settings } from '../settings.ts';
import { entryAt, readStored } from '../ledger/find-block.ts';
import { mayHarmLedger } from '../streams/stream-config.ts';
import {
  configsOf,
  type NewestRecord,
  type Observation,
  type StreamConfigs,
  type StreamHistory,
} from '../streams/stream-history.ts';
import type { Place } from './fold.ts';

/** Header of each `_system` block: the sequence in LEDGER of the block with the newest record, or `this`. */
export const STREAMS_HEADER = 'Waybill-Streams';
export const HERE = 'this';

type StreamRecord = SystemRecord & { readonly kind: 'streams' };

export interface StreamRecorder {
  /** Sequence in LEDGER of the block with the newest record; null: there is none that is known. */
  readonly recordedAt: number | null;
  /** Where a record goes before this session has chained anything; null: nowhere yet. */
  readonly place: Place | null;
  /** What the next commit has to record, oldest first. */
  take(): readonly StreamRecord[];
  /**
   * The same for a commit of nothing else. Not what is after a change of LEDGER that may let a block erase another one:
   * a block that has to be stored is stored, but for a record alone there will be none.
   */
  takeIdle(): readonly StreamRecord[];
}

export interface RecorderOptions {
  readonly jsm: JetStreamManager;
  readonly settings: Settings;
  readonly history: StreamHistory;
  /** All up to here is in the ledger. */
  readonly watermark: number;
}

/** Looks at the streams, and at what the ledger has of them. */
export async function startStreamRecorder(options: RecorderOptions): Promise<StreamRecorder> {
  const { jsm, settings, history } = options;
  const recordedAt = await findRecord(jsm, settings);
  const newest = recordedAt === null ? null : await readRecorded(jsm, settings, recordedAt);
  history.settle(newest);
  const infos = await Promise.all([jsm.streams.info(settings.auditStream), jsm.streams.info(settings.ledgerStream)]);
  history.observe(configsOf(infos));
  let recorded = newest?.config ?? null;
  let taken: Observation | null = null;

  function takeUntil(isEnd: (change: StreamChange) => boolean): StreamRecord[] {
    const records: StreamRecord[] = [];
    const from = taken ? history.seen.indexOf(taken) + 1 : 0;
    for (const seen of history.seen.slice(from)) {
      const { time, config } = seen;
      const changes = recorded ? changesOf(recorded, config) : [];
      if (changes.some(isEnd)) break;
      taken = seen;
      if (recorded && changes.length === 0) continue;
      recorded = config;
      records.push({ kind: 'streams', time, changes, config });
    }
    return records;
  }

  return {
    recordedAt,
    place: await findPlace(options),
    take: () => takeUntil(() => false),
    takeIdle: () => takeUntil(({ stream, field }) => stream === settings.ledgerStream && mayHarmLedger(field)),
  };
}

/**
 * The place of the ledger's newest entry: a record there changes nothing for those who look at the newest entry to see
 * which stream it is made from (enter-epoch.ts). Above the watermark, messages may come to `_system` that it has not.
 */
async function findPlace({ jsm, settings, watermark }: RecorderOptions): Promise<Place | null> {
  const message = await jsm.streams.getMessage(settings.ledgerStream, { last_by_subj: `${settings.ledgerPrefix}.*` });
  if (!message) return null;
  const { core } = entryAt(settings, readStored(settings, message.subject, message), -1);
  return { seq: Math.min(core.source.seq, watermark), received: core.received };
}

/** If another writer is faster than this look, our next block of `_system` is refused, and the next session looks again. */
async function findRecord(jsm: JetStreamManager, settings: Settings): Promise<number | null> {
  const subject = formatLedgerSubject(SYSTEM_CHAIN, settings.ledgerPrefix);
  const newest = await jsm.streams.getMessage(settings.ledgerStream, { last_by_subj: subject });
  const at = newest?.header?.get(STREAMS_HEADER);
  if (newest && at === HERE) return newest.seq;
  return at && /^[1-9]\d{0,15}$/.test(at) ? Number(at) : null;
}

async function readRecorded(jsm: JetStreamManager, settings: Settings, at: number): Promise<NewestRecord | null> {
  const message = await jsm.streams.getMessage(settings.ledgerStream, { seq: at });
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
