import { type Transfer, transferOf } from '../event/transfer.ts';
import type { JsonObject } from '../json/json.ts';
import { createSizeMemory, needsSize, SIZE_WINDOW } from '../ledger/size-memory.ts';
import { NO_VOLUME, type Volume } from '../ledger/volume.ts';

export interface VolumeCheck {
  /** @returns what is wrong with the volume of the entry `seq`, or null; call it for every entry, in order, but in reserved chains */
  check(seq: number, volume: Volume, event: JsonObject | null): string | null;
  /** The volume of the next entry, by what its event moved and the entries before it. */
  derive(seq: number, transfer: Transfer | null): Volume;
  /** Takes in an entry with the volume that was derived, in place of `check`. */
  note(seq: number, transfer: Transfer | null, volume: Volume): void;
  /** Volumes that no event at hand vouches for: those of erased entries, and sizes taken from such or from before the beginning. */
  readonly trusted: number;
}

/** Re-derives each entry's volume from its event and the uploads before it. @param fromSeq where the chain at hand starts */
export function createVolumeCheck(fromSeq: number): VolumeCheck {
  const sizes = createSizeMemory();
  /**
   * Uploads that an erased entry mentions, by their `seq`: their digest is unknown, but later entries may have taken
   * their size. `seq` is the mention's, the latest.
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
      if (!transfer) return isSame(volume, NO_VOLUME) ? null : `volume is ${print(volume)}, the event moved nothing`;
      const derived = sizes.resolve(seq, transfer);
      if (!isSame(volume, derived)) {
        if (needsSize(transfer) && isOnTrust(seq, volume, transfer)) trusted++;
        else return `volume is ${print(volume)}, derived from the events it is ${print(derived)}`;
      }
      sizes.note(seq, transfer, volume);
      return null;
    },
    derive(seq, transfer) {
      return transfer ? sizes.resolve(seq, transfer) : NO_VOLUME;
    },
    note(seq, transfer, volume) {
      if (transfer) sizes.note(seq, transfer, volume);
    },
    get trusted() {
      return trusted;
    },
  };

  /** A size taken from an upload that cannot be looked at: it was erased, or is before the beginning. */
  function isOnTrust(seq: number, { kind, bytes, from }: Volume, { digest }: Transfer): boolean {
    if (kind !== 'deduplicated' || bytes === null || from === undefined) return false;
    const atHand = sizes.mentionedAt(seq, digest);
    const mention = erased.get(from);
    // The latest mention counts: one at hand after the erased one would have.
    if (mention && seq - mention.seq <= SIZE_WINDOW) return mention.bytes === bytes && mention.seq > atHand;
    return from < fromSeq && atHand === 0 && seq - (fromSeq - 1) <= SIZE_WINDOW;
  }
}

function isSame(a: Volume, b: Volume): boolean {
  return a.kind === b.kind && a.bytes === b.bytes && a.from === b.from;
}

function print({ kind, bytes, from }: Volume): string {
  return `${kind} ${bytes ?? 'of unknown size'}${from === undefined ? '' : ` from ${from}`}`;
}
