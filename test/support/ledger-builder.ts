/**
 * Ledgers that a test makes itself, without the consumer: entries with any `received`, blocks of any cut, and copies of
 * real ledgers with something changed in them.
 */
import { DiscardPolicy, jetstream, jetstreamManager, RetentionPolicy, StorageType } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/nats-core';
import type { Settings } from '@waybill/consumer';
import { canonicalJson, type Volume } from '@waybill/schema';
import {
  appendLine,
  type ChainState,
  emptyChain,
  type Entry,
  formatBlock,
  formatLedgerSubject,
  formatTrailer,
  type JsonObject,
  NO_VOLUME,
  originOf,
  parseBlock,
  SYSTEM_CHAIN,
} from '@waybill/schema/internal';
import { createHash } from 'node:crypto';
import { readStream } from './check-ledger.ts';
import { uuid } from './traffic.ts';
import { uniqueName } from './unique-name.ts';

export interface BuiltEntry {
  readonly orgid: string;
  readonly received: string;
  readonly bytes: number;
}

interface AppendedEntry extends BuiltEntry {
  /** More attributes, or others: the number of its publisher, or another type, which moves no bytes. */
  readonly attributes?: JsonObject;
}

export interface LedgerBuilder {
  /** Appends an upload to a chain; it is stored with the next `commit`. @returns `received` as the entry has it */
  append(entry: AppendedEntry): string;
  /** Appends a record to `_system`. */
  record(received: string, event: JsonObject): void;
  /** Stores one block for each chain that has something new. */
  commit(watermark?: number): Promise<void>;
}

export function createLedgerBuilder(nc: NatsConnection, settings: Settings): LedgerBuilder {
  const js = jetstream(nc);
  interface OpenChain extends ChainState {
    lines: string[];
  }
  const chains = new Map<string, OpenChain>();
  let sourceSeq = 0;

  function openChain(orgid: string): OpenChain {
    const chain: OpenChain = chains.get(orgid) ?? { ...emptyChain(orgid), lines: [] };
    chains.set(orgid, chain);
    return chain;
  }

  return {
    append({ orgid, received, bytes, attributes }) {
      const chain = openChain(orgid);
      const type = 'casartifact.uploaded';
      const data = { digest: `sha256:${'0'.repeat(64)}`, size_bytes: bytes };
      const own = { specversion: '1.0', id: uuid(), source: '//test', type, time: received, orgid, data };
      const event: JsonObject = { ...own, ...attributes };
      const origin = originOf(event);
      const line = appendLine(chain.head, {
        received,
        source: { stream: settings.auditStream, seq: ++sourceSeq, subject: `${settings.auditPrefix}.${type}.${orgid}` },
        origin,
        event: canonicalJson(event),
        volume: event['type'] === type ? { kind: 'upload', bytes: String(bytes) } : NO_VOLUME,
      });
      if (origin) chain.producers.admit(origin.producer, origin.producerseq, chain.head.seq);
      chain.lines.push(line);
      return chain.head.received;
    },
    record(received, event) {
      const chain = openChain(SYSTEM_CHAIN);
      if (event['kind'] === 'gap') sourceSeq = Number(event['last']) - 1;
      const line = appendLine(chain.head, {
        received,
        source: { stream: settings.auditStream, seq: ++sourceSeq, subject: '' },
        origin: null,
        event: canonicalJson(event),
        volume: NO_VOLUME,
      });
      chain.lines.push(line);
    },
    async commit(watermark = sourceSeq) {
      const blocks: Promise<unknown>[] = [];
      for (const chain of chains.values()) {
        if (chain.lines.length === 0) continue;
        const trailer = formatTrailer(chain, chain.head.seq - chain.lines.length + 1, watermark);
        blocks.push(
          js.publish(formatLedgerSubject(chain.head.orgid, settings.ledgerPrefix), formatBlock(chain.lines, trailer)),
        );
        chain.lines = [];
      }
      await Promise.all(blocks);
    },
  };
}

/** One block of a ledger, as a test may change it: its text may be anything. */
export interface CopiedBlock {
  readonly orgid: string;
  readonly text: string;
}

/** Copies a ledger into a stream of its own, changed on the way; AUDIT stays the one that it was made from. */
export async function copyLedger(
  nc: NatsConnection,
  settings: Settings,
  change: (blocks: CopiedBlock[]) => readonly CopiedBlock[],
): Promise<Settings> {
  const tag = uniqueName();
  const copy = { ...settings, ledgerStream: `COPY_${tag}`, ledgerPrefix: `copy_${tag}` };
  const manager = await jetstreamManager(nc);
  const policies = {
    retention: RetentionPolicy.Limits,
    storage: StorageType.File,
    discard: DiscardPolicy.New,
    allow_direct: true,
  };
  await manager.streams.add({ ...policies, name: copy.ledgerStream, subjects: [`${copy.ledgerPrefix}.*`] });
  const stored = await readStream(nc, settings.ledgerStream);
  const blocks = stored.map(({ subject, text }) => ({ orgid: subject.slice(settings.ledgerPrefix.length + 1), text }));
  const js = jetstream(nc);
  for (const { orgid, text } of change(blocks)) await js.publish(`${copy.ledgerPrefix}.${orgid}`, text);
  return copy;
}

/** What a forger may say about an entry; the rest is computed as the writer does. */
export interface ForgedEntry {
  readonly received: string;
  readonly source: Entry['core']['source'];
  /** null: erased, and of its event `eventHash` and `origin` are left. */
  readonly event: JsonObject | null;
  readonly volume: Volume;
  readonly eventHash?: string;
  readonly origin?: Entry['core']['origin'];
}

/**
 * A whole chain computed anew with correct hashes, links, totals and trailers: only AUDIT or a head held elsewhere can
 * tell.
 */
export function forgeChain(
  blocks: readonly CopiedBlock[],
  orgid: string,
  change: (entry: Entry) => readonly ForgedEntry[],
): CopiedBlock[] {
  const state = emptyChain(orgid);
  return blocks.flatMap((block) => {
    if (block.orgid !== orgid) return [block];
    const { entries, trailer } = parseBlock(block.text);
    const first = state.head.seq + 1;
    const lines: string[] = [];
    for (const next of entries.flatMap(change)) lines.push(forgeEntry(state, next));
    if (lines.length === 0) return [];
    return [{ orgid, text: formatBlock(lines, formatTrailer(state, first, trailer.watermark)) }];
  });
}

function forgeEntry(state: ChainState, { event, eventHash, ...next }: ForgedEntry): string {
  const { head, producers } = state;
  const stated = event && head.orgid !== SYSTEM_CHAIN ? originOf(event) : null;
  const origin = next.origin === undefined ? stated : next.origin;
  const text = canonicalJson(event);
  const core = head.append({ ...next, origin, eventHash: eventHash ?? sha256Of(text) }, sha256Of);
  if (origin) producers.admit(origin.producer, Number(origin.producerseq), head.seq);
  return `{"core":${core},"event":${text},"hash":"${head.hash}"}`;
}

function sha256Of(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

/** The entry as it is, for `forgeChain`. */
export function unchanged({ core, event }: Entry): ForgedEntry & { event: JsonObject } {
  return { received: core.received, source: core.source, event: event as JsonObject, volume: core.volume };
}

/** The entry without its event, for `forgeChain`. */
export function erased({ core }: Entry): ForgedEntry {
  const { received, source, origin, volume, event_hash: eventHash } = core;
  return { received, source, origin, volume, eventHash, event: null };
}
