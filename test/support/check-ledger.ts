/**
 * The end of every test that writes a ledger: reads both streams with the official client, verifies each chain from its
 * first entry, and checks that every AUDIT message is in exactly one chain exactly once, in order.
 */
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import type { MsgHdrs, NatsConnection } from '@nats-io/nats-core';
import type { Settings } from '@waybill/consumer';
import { type Totals, verify } from '@waybill/schema';
import {
  type Entry,
  parseBlock,
  parseEntry,
  parseLedgerSubject,
  SYSTEM_CHAIN,
  UNATTRIBUTED_CHAIN,
} from '@waybill/schema/internal';
import { expect } from 'vitest';
import { WAIT_MS } from './time.ts';
import { until } from './until.ts';

export interface CheckedLedger {
  /** Lines of each chain. */
  readonly chains: ReadonlyMap<string, readonly string[]>;
  /** Totals of each organization's last entry, `_system` left out. */
  readonly totals: ReadonlyMap<string, Totals>;
  /** Entries of one chain. */
  entries(orgid: string): Entry[];
}

interface StoredMessage {
  readonly seq: number;
  readonly subject: string;
  readonly text: string;
  readonly headers: MsgHdrs | undefined;
}

/** All messages of a stream, in order. */
export async function readStream(nc: NatsConnection, stream: string): Promise<StoredMessage[]> {
  const messages: StoredMessage[] = [];
  const manager = await jetstreamManager(nc, { checkAPI: false });
  const { state } = await manager.streams.info(stream);
  if (state.messages === 0) return messages;
  const consumer = await jetstream(nc).consumers.get(stream);
  // By bytes: a thousand blocks at once are more than the server holds for one client, and it would hang up. No message
  // is larger.
  const all = await consumer.consume({ max_bytes: 16 * 1024 * 1024 });
  for await (const message of all) {
    const { seq, subject, headers } = message;
    messages.push({ seq, subject, text: message.string(), headers });
    // The last one may have been deleted.
    if (seq >= state.last_seq || message.info.pending === 0) break;
  }
  await all.close();
  return messages;
}

/** The messages of AUDIT that hold several events, and how many: an array of at most 256 values. */
async function severalEvents(
  nc: NatsConnection,
  { auditStream, controlPrefix }: Settings,
): Promise<Map<number, number>> {
  const found = new Map<number, number>();
  for (const { seq, subject, text } of await readStream(nc, auditStream)) {
    // What an operator says is one message.
    if (!text.startsWith('[') || subject.startsWith(`${controlPrefix}.`)) continue;
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch {
      continue;
    }
    if (Array.isArray(value) && value.length >= 1 && value.length <= 256) found.set(seq, value.length);
  }
  return found;
}

/** Kinds of records in `_system` that stand for no message of AUDIT. */
const NO_MESSAGE: ReadonlySet<unknown> = new Set(['watermark', 'streams', 'epoch']);

export async function checkLedger(nc: NatsConnection, settings: Settings): Promise<CheckedLedger> {
  const manager = await jetstreamManager(nc, { checkAPI: false });
  const { state: audit } = await manager.streams.info(settings.auditStream);
  const chains = new Map<string, string[]>();
  let watermark = 0;
  const several = await severalEvents(nc, settings);
  /** By sequence, the places in the message of what is chained of it; -1 of a message that holds no several. */
  const stored = new Map<number, Set<number>>();
  const isStored = (seq: number): boolean => {
    const { base = 0 } = epochs.at(-1) ?? {};
    return (stored.get(seq)?.size ?? 0) >= (several.get(seq - base) ?? 1);
  };
  let through = 0;
  /** Epochs (docs/reference/format.md §10): numbers up to `through` that no chain has went with the stream before. */
  const epochs: { after: number; through: number; base: number }[] = [];
  for (const { subject, text } of await readStream(nc, settings.ledgerStream)) {
    const block = parseBlock(text);
    expect(parseLedgerSubject(subject, settings.ledgerPrefix)).toBe(block.trailer.orgid);
    // A writer that was overtaken may still store a good block with the watermark of its day.
    watermark = Math.max(watermark, block.trailer.watermark);
    for (const { core, event } of block.entries) {
      if (event?.['kind'] === 'streams') continue;
      if (event?.['kind'] === 'epoch') {
        const base = Number(event['epoch']) * 1e12;
        expect(core.source.seq).toBe(base);
        expect(base).toBeGreaterThan(epochs.at(-1)?.base ?? 0);
        epochs.push({ after: Number(event['watermark']), through: base + Number(event['first']) - 1, base });
        continue;
      }
      const first = event?.['kind'] === 'gap' ? Number(event['first']) : core.source.seq;
      for (let seq = first; seq <= core.source.seq; seq++) {
        const places = stored.get(seq) ?? new Set();
        stored.set(seq, places.add(core.source.index ?? -1));
      }
    }
    // What a block claims is true from the moment on at which it is stored.
    for (;;) {
      const loss = epochs.find((epoch) => epoch.after <= through && through < epoch.through);
      if (isStored(through + 1)) through++;
      else if (loss) through = loss.through;
      else break;
    }
    expect(block.trailer.watermark).toBeLessThanOrEqual(through);
    const chain = chains.get(block.trailer.orgid) ?? [];
    expect(block.trailer.first).toBe(chain.length + 1);
    chains.set(block.trailer.orgid, chain);
    chain.push(...block.lines);
  }

  const totals = new Map<string, Totals>();
  const chained = new Map<string, string>();
  const messages = new Set<number>();
  for (const [orgid, lines] of chains) {
    const report = verify(lines, { orgid });
    expect(report.problem, `chain ${orgid}`).toBeNull();
    if (orgid !== SYSTEM_CHAIN && orgid !== UNATTRIBUTED_CHAIN) totals.set(orgid, report.totals);
    for (const line of lines) {
      const { core, event } = parseEntry(line);
      if (NO_MESSAGE.has(event?.['kind'])) continue;
      const first = event?.['kind'] === 'gap' ? Number(event['first']) : core.source.seq;
      for (let seq = first; seq <= core.source.seq; seq++) {
        const place = `${seq}, index ${core.source.index ?? 'none'}`;
        expect(chained.get(place), `AUDIT ${place} is in ${orgid}`).toBeUndefined();
        chained.set(place, orgid);
        messages.add(seq);
      }
    }
  }
  // The streams of earlier epochs are gone: what they had cannot be counted any more.
  const { base, through: start } = epochs.at(-1) ?? { base: 0, through: 0 };
  const ofThisStream = [...messages].filter((seq) => seq > base);
  expect(ofThisStream.length, 'AUDIT messages in chains').toBe(base + audit.last_seq - start);
  for (const [seq, events] of several) {
    const places = [...(stored.get(base + seq) ?? [])].toSorted((a, b) => a - b);
    expect(places, `events of message ${seq}`).toEqual(Array.from({ length: events }, (_, index) => index));
  }
  expect(watermark).toBeLessThanOrEqual(base + audit.last_seq);
  return { chains, totals, entries: (orgid) => (chains.get(orgid) ?? []).map(parseEntry) };
}

/** Waits until every AUDIT message that is there now is in the ledger, of a stream of ours (no epochs). */
export async function caughtUp(nc: NatsConnection, settings: Settings, timeoutMs = WAIT_MS): Promise<void> {
  const manager = await jetstreamManager(nc, { checkAPI: false });
  const { state } = await manager.streams.info(settings.auditStream);
  await until(
    `the ledger to reach ${state.last_seq} of ${settings.auditStream}`,
    async () => {
      const ledger = await manager.streams.info(settings.ledgerStream);
      if (ledger.state.last_seq === 0) return state.last_seq === 0;
      const newest = await manager.streams.getMessage(settings.ledgerStream, { seq: ledger.state.last_seq });
      return newest !== null && parseBlock(newest.string()).trailer.watermark >= state.last_seq;
    },
    timeoutMs,
  );
}
