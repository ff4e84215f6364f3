/** Collects the entries of one commit and cuts them into blocks. */
import { type ChainState, formatTrailerLine, type Head, type ProducerWindows, SYSTEM_CHAIN } from '@waybill/schema';
import { type Arena, type ArenaPool, createArena } from './arena.ts';
import type { FoldCounts, FoldSink } from './fold.ts';

/**
 * A block is closed when its entries have this many bytes. What can still come on top, one entry of at most 100 KiB
 * and a trailer of at most 150 KiB, keeps it under `MAX_BLOCK_BYTES`.
 */
const FULL_BLOCK_BYTES = 262_144;

/** Entries of one block, before its watermark is known. */
interface Draft {
  readonly orgid: string;
  readonly first: number;
  /** The first and the last of its lines in the arena; of the lines, with their line feeds. */
  readonly firstLine: number;
  lastLine: number;
  bytes: number;
  /** The chain after it, where the chain has gone on since. */
  state: ChainState | null;
}

export interface SealedBlock {
  readonly orgid: string;
  readonly bytes: number;
  /** Made when it is asked for: a commit holds only those blocks twice that are on their way. */
  payload(): Buffer;
}

export interface Batch extends FoldSink {
  readonly entries: number;
  /** Of all entries. */
  readonly bytes: number;
  readonly blocks: number;
  /** Closes the batch. Only the last block claims the watermark `after`: it is stored when all others are. */
  seal(watermarks: { before: number; after: number }): SealedBlock[];
  /** When no block of it is needed any more. */
  release(): void;
}

export function createBatch(chains: ReadonlyMap<string, ChainState>, pool: ArenaPool = { free: [] }): Batch {
  const arena = createArena(pool);
  const drafts: Draft[] = [];
  const open = new Map<string, Draft>();
  const counts: FoldCounts = { entries: 0, rejected: 0, duplicates: 0, gaps: 0 };

  return {
    append({ head, producers }, pieces) {
      const { orgid } = head;
      let draft = open.get(orgid);
      const line = arena.append(pieces, draft ? draft.lastLine : -1);
      if (draft) draft.lastLine = line;
      else {
        draft = { orgid, first: head.seq, firstLine: line, lastLine: line, bytes: 0, state: null };
        open.set(orgid, draft);
        drafts.push(draft);
      }
      draft.bytes += arena.lengthOf(line) + 1;
      counts.entries++;
      if (draft.bytes < FULL_BLOCK_BYTES) return;
      draft.state = snapshot(head, producers);
      open.delete(orgid);
    },
    counts,
    get entries() {
      return counts.entries;
    },
    get bytes() {
      return arena.bytes;
    },
    get blocks() {
      return drafts.length;
    },
    seal({ before, after }) {
      // `_system` first: see the commit in ledger.ts. The sort is stable: blocks of one chain keep their order.
      drafts.sort((a, b) => Number(b.orgid === SYSTEM_CHAIN) - Number(a.orgid === SYSTEM_CHAIN));
      return drafts.map((draft, i) => {
        // Now: the chain goes on as soon as this commit is under way.
        const state = draft.state ?? (chains.get(draft.orgid) as ChainState);
        return sealBlock(arena, draft, formatTrailerLine(state, draft.first, i === drafts.length - 1 ? after : before));
      });
    },
    release: arena.release,
  };
}

function sealBlock(arena: Arena, { orgid, firstLine, bytes: lineBytes }: Draft, trailer: string): SealedBlock {
  const bytes = lineBytes + Buffer.byteLength(trailer) + 1;
  return {
    orgid,
    bytes,
    payload() {
      const block = Buffer.allocUnsafe(bytes);
      block.write(`${trailer}\n`, arena.copyBlock(firstLine, block), 'utf8');
      return block;
    },
  };
}

function snapshot(head: Head, producers: ProducerWindows): ChainState {
  const copy: ProducerWindows = new Map();
  for (const [producer, { last, missing, seen }] of producers)
    copy.set(producer, { last, missing: [...missing], seen });
  return { head, producers: copy };
}
