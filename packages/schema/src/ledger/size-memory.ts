/**
 * The sizes of a chain's recent uploads, for skipped uploads that do not know theirs.
 *
 * The rule is part of the format, so that every writer, a restarted writer and every verifier agree: a skipped upload
 * of unknown size takes the size that its digest was last *mentioned* with, where an upload of known size that did not fail mentions its
 * digest, and so does a skipped upload that took its size from one; a mention counts for the next `SIZE_WINDOW` entries
 * of the chain. Older mentions are forgotten, which bounds memory by the window, and lets a writer that starts anew
 * read back just the window.
 */
import type { Transfer } from '../event/transfer.ts';
import { detached } from '../json/detached.ts';
import type { Volume } from './volume.ts';

/** How many entries back a size is known. */
export const SIZE_WINDOW = 65_536;

/** Entries between two clean-ups. Not at every entry: what is forgotten is cut off the front of lists. */
const SWEEP = 4096;

interface Mention {
  readonly bytes: string;
  /** The upload that said the size. */
  readonly from: number;
  readonly seq: number;
}

export interface SizeMemory {
  /** The volume of the entry `seq`, whose event says `transfer`. */
  resolve(seq: number, transfer: Transfer): Volume;
  /** The `seq` of the mention that counts for the digest at the entry `seq`; 0: there is none. */
  mentionedAt(seq: number, digest: string): number;
  /** Takes in the entry `seq`; call it for every entry with a transfer, in order. */
  note(seq: number, transfer: Transfer, volume: Volume): void;
  /** Digests held: at most the window and what one clean-up has to do. */
  readonly size: number;
}

export function createSizeMemory(): SizeMemory {
  /** In order of mention, the oldest first. Few chains ever ask, so the index waits until one does. */
  const unindexed: (Mention & { readonly digest: string })[] = [];
  // In order of mention too.
  const mentions = new Map<string, Mention>();
  let nextSweep = 0;

  function indexAll(): void {
    for (const mention of unindexed) {
      const before = mentions.size;
      mentions.set(mention.digest, mention);
      if (mentions.size > before) continue;
      // It was mentioned before, and is the last in order now.
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
      nextSweep = seq + SWEEP;
      forgetBefore(seq - SIZE_WINDOW + 1);
    },
    get size() {
      return mentions.size + unindexed.length;
    },
  };
}

/** Whether the volume depends on earlier entries. */
export function needsSize(transfer: Transfer): boolean {
  return transfer.kind === 'deduplicated' && transfer.bytes === null && transfer.failed !== true;
}

/** The volume by the event's own words. */
export function statedVolume({ kind, bytes }: Transfer): Volume {
  return { kind, bytes: bytes === null ? null : String(bytes) };
}
