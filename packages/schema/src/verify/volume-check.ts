import { type Transfer, transferOf } from '../event/transfer.ts';
import type { JsonObject } from '../json/json.ts';
import { createSizeMemory, needsSize, SIZE_WINDOW } from '../ledger/size-memory.ts';
import { NO_VOLUME, type Volume } from '../ledger/volume.ts';

export interface VolumeCheck {
  /**
   * To be called for every entry in order, but not in reserved chains.
   *
   * @returns what is wrong with the volume of the entry `seq`, or null
   */
  check(seq: number, volume: Volume, event: JsonObject | null): string | null;
  /** The volume of the next entry, by what its event transferred and by the entries before it. Changes nothing. */
  derive(seq: number, transfer: Transfer | null): Volume;
  /** Adds an entry whose volume was derived. It takes the place of `check`. */
  add(seq: number, transfer: Transfer | null, volume: Volume): void;
  /**
   * Volumes that no event at hand shows: those of erased entries, and sizes taken from erased entries or from before
   * the beginning.
   */
  readonly trusted: number;
}

/**
 * Derives each entry's volume again from its event and the uploads before it.
 *
 * @param fromSeq where the chain at hand starts
 */
export function createVolumeCheck(fromSeq: number): VolumeCheck {
  const sizes = createSizeMemory();
  /**
   * Sizes of uploads whose events were erased, by the upload's `seq`. Their digests are unknown, but later entries may
   * have taken their sizes. The value's `seq` is that of the latest entry with this size.
   */
  const erased = new Map<number, { readonly bytes: string; readonly seq: number }>();

  let trusted = 0;

  return {
    check(seq, volume, event) {
      if (event === null) {
        trusted++;
        const from = volume.from ?? (volume.kind === 'upload' ? seq : undefined);
        if (volume.bytes !== null && from !== undefined) erased.set(from, { bytes: volume.bytes, seq });
        return null;
      }
      const transfer = transferOf(event);
      if (!transfer)
        return isSame(volume, NO_VOLUME) ? null : `volume is ${showVolume(volume)}, the event moved nothing`;
      const derived = sizes.resolve(seq, transfer);
      if (!isSame(volume, derived)) {
        if (needsSize(transfer) && isOnTrust(seq, volume, transfer)) trusted++;
        else return `volume is ${showVolume(volume)}, derived from the events it is ${showVolume(derived)}`;
      }
      sizes.note(seq, transfer, volume);
      return null;
    },
    derive(seq, transfer) {
      return transfer ? sizes.resolve(seq, transfer) : NO_VOLUME;
    },
    add(seq, transfer, volume) {
      if (transfer) sizes.note(seq, transfer, volume);
    },
    get trusted() {
      return trusted;
    },
  };

  /** Whether a size may be taken from an upload that nobody can look at: it was erased, or is before the beginning. */
  function isOnTrust(seq: number, { kind, bytes, from }: Volume, { digest }: Transfer): boolean {
    if (kind !== 'deduplicated' || bytes === null || from === undefined) return false;
    const atHand = sizes.mentionedAt(seq, digest);
    const mention = erased.get(from);
    // The latest mention counts. One at hand after the erased one would have counted.
    if (mention && seq - mention.seq <= SIZE_WINDOW) return mention.bytes === bytes && mention.seq > atHand;
    return from < fromSeq && atHand === 0 && seq - (fromSeq - 1) <= SIZE_WINDOW;
  }
}

function isSame(a: Volume, b: Volume): boolean {
  return a.kind === b.kind && a.bytes === b.bytes && a.from === b.from;
}

function showVolume({ kind, bytes, from }: Volume): string {
  return `${kind} ${bytes ?? 'of unknown size'}${from === undefined ? '' : ` from ${from}`}`;
}
