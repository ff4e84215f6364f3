/**
 * The sizes of a chain's recent uploads, for skipped uploads that do not state theirs.
 *
 * The rule is part of the format, so that every writer, a restarted writer and every verifier agree. A skipped upload
 * of unknown size takes the size of the latest *mention* of its digest. Two kinds of entries mention a digest: an
 * upload of known size that did not fail, and a skipped upload that took its size from one. A mention counts for the
 * next `SIZE_WINDOW` entries of the chain. Older mentions are forgotten. So the window bounds memory, and a writer that
 * starts reads back one window.
 */
import type { Transfer } from '../event/transfer.ts';
import { detached } from '../json/detached.ts';
import type { Volume } from './volume.ts';

/** The size in a mention counts for this many entries after it. */
export const SIZE_WINDOW = 65_536;

/** Entries between two removals of old mentions. Removing is cheap only for many at once. */
const SWEEP_INTERVAL = 4096;

interface Mention {
  readonly bytes: string;
  /** The `seq` of the upload that stated the size. */
  readonly from: number;
  readonly seq: number;
}

export interface SizeMemory {
  /** The volume of the entry `seq` whose event states `transfer`. */
  resolve(seq: number, transfer: Transfer): Volume;
  /** The `seq` of the mention of a digest that counts at the entry `seq`; 0: there is none. */
  mentionedAt(seq: number, digest: string): number;
  /** Remembers the entry `seq`. Call it for every entry with a transfer, in order. */
  note(seq: number, transfer: Transfer, volume: Volume): void;
  /** The number of mentions held: at most those of the window and of `SWEEP_INTERVAL` entries. */
  readonly size: number;
}

export function createSizeMemory(): SizeMemory {
  /** Mentions in order, the oldest first. Few chains ever need a size, so the first question indexes them. */
  const unindexed: (Mention & { readonly digest: string })[] = [];
  /** By digest; also in the order of mentions. */
  const mentions = new Map<string, Mention>();
  let nextSweep = 0;

  function indexAll(): void {
    for (const mention of unindexed) {
      const before = mentions.size;
      mentions.set(mention.digest, mention);
      if (mentions.size > before) continue;
      // The digest was mentioned before. Its entry moves to the end.
      mentions.delete(mention.digest);
      mentions.set(mention.digest, mention);
    }
    unindexed.length = 0;
  }

  function forgetBefore(seq: number): void {
    for (const [oldest, mention] of mentions) {
      if (mention.seq >= seq) break;
      mentions.delete(oldest);
    }
    const kept = unindexed.findIndex((mention) => mention.seq >= seq);
    unindexed.splice(0, kept < 0 ? unindexed.length : kept);
  }

  function find(seq: number, digest: string): Mention | undefined {
    indexAll();
    const mention = mentions.get(digest);
    return mention && mention.seq >= seq - SIZE_WINDOW ? mention : undefined;
  }

  return {
    resolve(seq, transfer) {
      const mention = needsSize(transfer) ? find(seq, transfer.digest) : undefined;
      return mention ? { kind: 'deduplicated', bytes: mention.bytes, from: mention.from } : statedVolume(transfer);
    },
    mentionedAt: (seq, digest) => find(seq, digest)?.seq ?? 0,
    note(seq, { kind, digest, failed }, { bytes, from }) {
      const mentioned = bytes !== null && failed !== true && (kind === 'upload' || from !== undefined);
      if (mentioned) unindexed.push({ digest: detached(digest), bytes, from: from ?? seq, seq });
      if (seq < nextSweep) return;
      nextSweep = seq + SWEEP_INTERVAL;
      forgetBefore(seq - SIZE_WINDOW + 1);
    },
    get size() {
      return mentions.size + unindexed.length;
    },
  };
}

/** Whether the volume of a transfer depends on earlier entries. */
export function needsSize(transfer: Transfer): boolean {
  return transfer.kind === 'deduplicated' && transfer.bytes === null && transfer.failed !== true;
}

/** The volume that the event itself states. */
export function statedVolume({ kind, bytes }: Transfer): Volume {
  return { kind, bytes: bytes === null ? null : String(bytes) };
}
