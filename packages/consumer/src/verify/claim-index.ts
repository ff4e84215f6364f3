/**
 * Which entry claims which event of AUDIT. A claim takes 16 bytes in pages by sequence number, so ten million events
 * take 160 MB, whatever they are. The events of one message that holds several have a table of their own.
 */

/** An event's place in AUDIT. */
export interface Place {
  readonly seq: number;
  /** The event's number in a message that holds several; undefined in any other message. */
  readonly index?: number | undefined;
}

export interface ClaimIndex {
  /**
   * Adds the claim of an entry about the event at a place. The first claim stays.
   *
   * @param label what kind of entry it is, and in which chain: from 1 to 2^31-1
   * @param digest at least 12 bytes; with 96 bits nobody finds another message that fits
   * @returns the label of the earlier claim; 0 when there was none
   */
  claim(place: Place, label: number, digest: Uint8Array): number;
  /** The label of the claim; 0 when no entry claims the event. */
  labelAt(place: Place): number;
  /** Whether an entry claims the message or an event of it. */
  has(seq: number): boolean;
  /** Whether the claim has this digest. */
  matches(place: Place, digest: Uint8Array): boolean;
  /** The claim was compared with its event, or does not have to be. */
  settle(place: Place): void;
  /** Calls `visit` for each claim from `first` to `last` that is not settled, in order. */
  eachUnsettled(first: number, last: number, visit: (seq: number, label: number) => void): void;
}

const PAGE_SLOTS = 65_536;
const DIGEST_BYTES = 12;
const SLOT_BYTES = DIGEST_BYTES + 4;
/** The two parts of a slot's last 4 bytes. */
const SETTLED_BIT = 0x80000000;
const LABEL_BITS = 0x7fffffff;
/** Slots in the first table of a message that holds several events. */
const FIRST_SLOTS = 8;

interface Slot {
  readonly table: DataView;
  readonly offset: number;
}

export function createClaimIndex(): ClaimIndex {
  const pages = new Map<number, DataView>();
  const batches = new Map<number, DataView>();

  function pageSlot(seq: number, create: boolean): Slot | null {
    const number = Math.floor(seq / PAGE_SLOTS);
    let table = pages.get(number);
    if (!table) {
      if (!create) return null;
      table = new DataView(new ArrayBuffer(PAGE_SLOTS * SLOT_BYTES));
      pages.set(number, table);
    }
    return { table, offset: (seq % PAGE_SLOTS) * SLOT_BYTES };
  }

  function batchSlot(seq: number, index: number, create: boolean): Slot | null {
    let table = batches.get(seq);
    const offset = index * SLOT_BYTES;
    if (!table || offset >= table.byteLength) {
      if (!create) return null;
      table = grown(table, index + 1);
      batches.set(seq, table);
    }
    return { table, offset };
  }

  function slotAt({ seq, index }: Place, create: boolean): Slot | null {
    return index === undefined ? pageSlot(seq, create) : batchSlot(seq, index, create);
  }

  function labelOf(slot: Slot | null): number {
    return slot ? stateOf(slot) & LABEL_BITS : 0;
  }

  function visitMessage(seq: number, visit: (seq: number, label: number) => void): void {
    const single = pageSlot(seq, false);
    if (single && isOpen(stateOf(single))) visit(seq, labelOf(single));
    const table = batches.get(seq);
    if (!table) return;
    for (let offset = 0; offset < table.byteLength; offset += SLOT_BYTES) {
      const state = stateOf({ table, offset });
      if (isOpen(state)) visit(seq, state & LABEL_BITS);
    }
  }

  return {
    claim(place, label, digest) {
      const slot = slotAt(place, true) as Slot;
      const before = labelOf(slot);
      if (before !== 0) return before;
      const { table, offset } = slot;
      for (let i = 0; i < DIGEST_BYTES; i++) table.setUint8(offset + i, digest[i] as number);
      table.setUint32(offset + DIGEST_BYTES, label);
      return 0;
    },
    labelAt: (place) => labelOf(slotAt(place, false)),
    has: (seq) => batches.has(seq) || labelOf(pageSlot(seq, false)) !== 0,
    matches(place, digest) {
      const slot = slotAt(place, false);
      for (let i = 0; i < DIGEST_BYTES; i++) if (slot?.table.getUint8(slot.offset + i) !== digest[i]) return false;
      return true;
    },
    settle(place) {
      const slot = slotAt(place, false);
      if (slot) slot.table.setUint32(slot.offset + DIGEST_BYTES, (stateOf(slot) | SETTLED_BIT) >>> 0);
    },
    eachUnsettled(first, last, visit) {
      const hasBatches = batches.size > 0;
      for (let seq = first; seq <= last; seq++) {
        // Where there is no page, there can only be messages that hold several events.
        if (!hasBatches && !pages.has(Math.floor(seq / PAGE_SLOTS))) seq += PAGE_SLOTS - 1 - (seq % PAGE_SLOTS);
        else visitMessage(seq, visit);
      }
    },
  };
}

function stateOf({ table, offset }: Slot): number {
  return table.getUint32(offset + DIGEST_BYTES);
}

function isOpen(state: number): boolean {
  return state !== 0 && state < SETTLED_BIT;
}

function grown(table: DataView | undefined, slots: number): DataView {
  const bytes = Math.max(FIRST_SLOTS * SLOT_BYTES, 2 * (table?.byteLength ?? 0), slots * SLOT_BYTES);
  const larger = new Uint8Array(bytes);
  if (table) larger.set(new Uint8Array(table.buffer));
  return new DataView(larger.buffer);
}
