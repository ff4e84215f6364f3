/**
 * What `_system` says about the two streams' configuration: how it was with the first commit, and each change since, with
 * the commit after it (docs/format.md §10). A bill rests on streams that lose nothing: who reads the ledger later can see
 * whether somebody had loosened that meanwhile, also when it was set back.
 *
 * What was recorded last is in the ledger, and found without reading it: each block of `_system` says in a header where
 * the newest record is. Nothing that is verified depends on the header; without it, the configuration is recorded again.
 */
import type { JetStreamManager, StreamInfo } from '@nats-io/jetstream';
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
import type { Settings } from './settings.ts';
import { describeStream, type StreamDescription } from './streams.ts';

/** Header of each `_system` block: the sequence in LEDGER of the block with the newest record, or `this`. */
export const STREAMS_HEADER = 'Waybill-Streams';
export const HERE = 'this';

/** How streams were found, by name. */
export type StreamConfigs = Readonly<Record<string, StreamDescription>>;

interface Observation {
  /** RFC 3339, UTC. */
  readonly time: string;
  readonly config: StreamConfigs;
}

/** What was seen of the streams and is not recorded yet: whoever looks at them writes here, the session reads. */
export interface StreamHistory {
  observe(config: StreamConfigs): void;
  take(): readonly Observation[];
}

/** Changes that are kept for the next commit; of more, the newest. */
const MAX_PENDING = 64;

export function createStreamHistory(): StreamHistory {
  let pending: Observation[] = [];
  return {
    observe(config) {
      const last = pending.at(-1);
      if (last && canonicalJson(last.config) === canonicalJson(config)) return;
      pending = [...pending, { time: new Date().toISOString(), config }].slice(-MAX_PENDING);
    },
    take() {
      const taken = pending;
      pending = [];
      return taken;
    },
  };
}

export interface StreamRecorder {
  /** Sequence in LEDGER of the block with the newest record; null: there is none that is known. */
  readonly recordedAt: number | null;
  /** What the next commit has to record, oldest first. */
  take(): readonly (SystemRecord & { readonly kind: 'streams' })[];
}

export interface RecorderOptions {
  readonly jsm: JetStreamManager;
  readonly settings: Settings;
  readonly history: StreamHistory;
}

/** Looks at the streams, and at what the ledger has of them. */
export async function startStreamRecorder({ jsm, settings, history }: RecorderOptions): Promise<StreamRecorder> {
  // Others may have recorded since: what counts from now on is how things are.
  history.take();
  const infos = await Promise.all([jsm.streams.info(settings.auditStream), jsm.streams.info(settings.ledgerStream)]);
  history.observe(configsOf(infos));
  const recordedAt = await findRecord(jsm, settings);
  let recorded = recordedAt === null ? null : await readRecorded(jsm, settings, recordedAt);

  return {
    recordedAt,
    take() {
      return history.take().flatMap(({ time, config }) => {
        const changes = recorded ? changesOf(recorded, config) : [];
        if (recorded && changes.length === 0) return [];
        recorded = config;
        return [{ kind: 'streams', time, changes, config } as const];
      });
    },
  };
}

export function configsOf(infos: readonly StreamInfo[]): StreamConfigs {
  return Object.fromEntries(infos.map((info) => [info.config.name, describeStream(info)]));
}

/** If another writer is faster than this look, our next block of `_system` is refused, and the next session looks again. */
async function findRecord(jsm: JetStreamManager, settings: Settings): Promise<number | null> {
  const subject = formatLedgerSubject(SYSTEM_CHAIN, settings.ledgerPrefix);
  const newest = await jsm.streams.getMessage(settings.ledgerStream, { last_by_subj: subject });
  const at = newest?.header?.get(STREAMS_HEADER);
  if (newest && at === HERE) return newest.seq;
  return at && /^[1-9]\d{0,15}$/.test(at) ? Number(at) : null;
}

async function readRecorded(jsm: JetStreamManager, settings: Settings, at: number): Promise<StreamConfigs | null> {
  const message = await jsm.streams.getMessage(settings.ledgerStream, { seq: at });
  if (message?.subject !== formatLedgerSubject(SYSTEM_CHAIN, settings.ledgerPrefix)) return null;
  const record = parseBlock(decodeUtf8(message.data)).entries.findLast(({ event }) => event?.['kind'] === 'streams');
  return (record?.event?.['config'] as StreamConfigs | undefined) ?? null;
}

function changesOf(before: StreamConfigs, after: StreamConfigs): StreamChange[] {
  return Object.entries(after).flatMap(([stream, fields]) => {
    const old: JsonObject = before[stream] ?? {};
    return Object.keys({ ...old, ...fields })
      .filter((field) => canonicalJson(old[field] ?? null) !== canonicalJson(fields[field] ?? null))
      .map((field) => ({ stream, field, before: old[field] ?? null, after: fields[field] ?? null }));
  });
}
