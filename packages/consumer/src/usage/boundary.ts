/** Where a moment cuts a chain: between its last entry received before then, and the next one. */
import type { JetStreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/nats-core';
import { type Entry, parseLedgerSubject } from '@waybill/schema/internal';
import { findBlock, newestBlock, nextBlock } from '../ledger/find-block.ts';
import { readLastBlocks } from '../ledger/newest-blocks.ts';
import { entryAt, type LedgerSettings, readStored, type StoredBlock } from '../ledger/stored-block.ts';
import type { DirectMessage } from '../nats/direct-message.ts';

/** The two entries of a chain that a moment falls between; null when there is none on that side. */
export interface Cut {
  readonly before: Entry | null;
  readonly after: Entry | null;
}

/** Blocks to start a search from, by organization. Any block of the chain will do; a near one saves requests. */
export type Hints = ReadonlyMap<string, StoredBlock>;

const HINTS_TIMEOUT_MS = 10_000;

/**
 * The newest blocks of many chains that were stored before a moment. Any replica may answer, so that a block may be old
 * or missing: they are hints and nothing else. A server before 2.11 gives none.
 *
 * @param at at most `MAX_CHAINS` organizations
 */
export async function readHints(
  nc: NatsConnection,
  ledger: LedgerSettings,
  { before, orgids }: { before: string; orgids: readonly string[] },
): Promise<Hints> {
  const hints = new Map<string, StoredBlock>();
  const request = {
    nc,
    ledger,
    orgids,
    timeoutMs: HINTS_TIMEOUT_MS,
    onBlock({ seq, subject, payload }: DirectMessage) {
      const orgid = parseLedgerSubject(subject, ledger.ledgerPrefix);
      if (orgid !== null) hints.set(orgid, readStored(ledger, orgid, { seq, data: payload }));
    },
  };
  // Whatever has arrived will do: without a hint, the search only takes longer.
  await readLastBlocks(request, { up_to_time: before });
  return hints;
}

/**
 * The chain's last entry with `received < before`, and the first one after it. The result is exact whatever the hint
 * is: the stream's leader says which block comes next. Takes a few requests, however long the chain is.
 *
 * @throws ConsumerError LEDGER_DAMAGED, NO_STREAM …
 */
export async function findBoundary(
  jsm: JetStreamManager,
  ledger: LedgerSettings,
  at: { orgid: string; before: string; hint: StoredBlock | undefined },
): Promise<Cut> {
  const { orgid, before } = at;
  const holds = ({ core }: Entry): boolean => core.received < before;
  // No hint mostly means that the whole chain is younger than the moment. Its first block shows whether it is.
  const known = at.hint ?? (await nextBlock(jsm, ledger, { orgid, streamSeq: 1 }));
  if (!known) return { before: null, after: null };
  if (!holds(known.first)) {
    const block = at.hint ? await findBlock(jsm, ledger, orgid, { holds }) : null;
    if (block) return cutIn(jsm, ledger, { block, holds });
    const first = at.hint ? await nextBlock(jsm, ledger, { orgid, streamSeq: 1 }) : known;
    return { before: null, after: first?.first ?? null };
  }
  const next = await nextBlock(jsm, ledger, { orgid, streamSeq: known.streamSeq + 1 });
  if (!next || !holds(next.first)) return cutIn(jsm, ledger, { block: known, next, holds });
  const block = (await findBlock(jsm, ledger, orgid, { holds, ...(at.hint && { near: next }) })) ?? next;
  return cutIn(jsm, ledger, { block, holds });
}

/** The chain's last entry; null when there is no such chain. */
export async function findLast(jsm: JetStreamManager, ledger: LedgerSettings, orgid: string): Promise<Entry | null> {
  const block = await newestBlock(jsm, ledger, orgid);
  return block && entryAt(ledger, block, -1);
}

/**
 * @param at `block` is the newest one whose first entry is before the moment; `next` follows it, if the caller has it
 */
async function cutIn(
  jsm: JetStreamManager,
  ledger: LedgerSettings,
  { block, next, holds }: { block: StoredBlock; next?: StoredBlock | null; holds: (entry: Entry) => boolean },
): Promise<Cut> {
  const { entry, index } = lastBefore(ledger, block, holds);
  if (index + 1 < block.lines.length) return { before: entry, after: entryAt(ledger, block, index + 1) };
  const { orgid, streamSeq } = block;
  const following = next === undefined ? await nextBlock(jsm, ledger, { orgid, streamSeq: streamSeq + 1 }) : next;
  return { before: entry, after: following?.first ?? null };
}

/** The last entry before the moment, by bisection in a block whose first entry is before it. */
function lastBefore(
  ledger: LedgerSettings,
  block: StoredBlock,
  holds: (entry: Entry) => boolean,
): { entry: Entry; index: number } {
  let found = entryAt(ledger, block, -1);
  if (holds(found)) return { entry: found, index: block.lines.length - 1 };
  found = block.first;
  let low = 1;
  let high = block.lines.length - 1;
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    const entry = entryAt(ledger, block, middle);
    if (holds(entry)) {
      found = entry;
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return { entry: found, index: low - 1 };
}
