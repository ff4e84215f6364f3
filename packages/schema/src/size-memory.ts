/**
 * The sizes of a chain's recent uploads, for skipped uploads that do not know theirs.
 *
 * The rule is part of the format, so that every writer, a restarted writer and every verifier agree: a skipped upload
 * of unknown size takes the size that its digest was last *mentioned* with, where an upload of known size mentions its
 * digest, and so does a skipped upload that took its size from one; a mention counts for the next `SIZE_WINDOW` entries
 * of the chain. Older mentions are forgotten, which bounds memory by the window, and lets a writer that starts anew
 * read back just the window.
 */
import type { Transfer } from './transfer.ts';
import type { Volume } from './volume.ts';

/** How many entries back a size is known. */
export const SIZE_WINDOW = 65_536;

/** Entries between two clean-ups. Not at every entry: a Map's iterator walks over all that was deleted before it. */
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
  /** Takes in the entry `seq`; call it for every entry with a transfer, in order. */
  note(seq: number, transfer: Transfer, volume: Volume): void;
  /** Digests held: at most the window and what one clean-up has to do. */
  readonly size: number;
}

export function createSizeMemory(): SizeMemory {
  // In order of mention: the first is the oldest.
  const mentions = new Map<string, Mention>();
  let nextSweep = 0;

  return {
    resolve(seq, transfer) {
      const stated = statedVolume(transfer);
      if (!needsSize(transfer)) return stated;
      const mention = mentions.get(transfer.digest);
      if (!mention || mention.seq < seq - SIZE_WINDOW) return stated;
      return { kind: 'deduplicated', bytes: mention.bytes, from: mention.from };
    },
    note(seq, { kind, digest }, { bytes, from }) {
      const mentioned = bytes !== null && (kind === 'upload' || from !== undefined);
      if (mentioned) {
        mentions.delete(digest);
        mentions.set(digest, { bytes, from: from ?? seq, seq });
      }
      if (seq < nextSweep) return;
      nextSweep = seq + SWEEP;
      for (const [oldest, mention] of mentions) {
        if (mention.seq > seq - SIZE_WINDOW) break;
        mentions.delete(oldest);
      }
    },
    get size() {
      return mentions.size;
    },
  };
}

/** Whether the volume depends on earlier entries. */
export function needsSize(transfer: Transfer): boolean {
  return transfer.kind === 'deduplicated' && transfer.bytes === null;
}

/** The volume by the event's own words. */
export function statedVolume({ kind, bytes }: Transfer): Volume {
  return { kind, bytes: bytes === null ? null : String(bytes) };
}
