/**
 * What the ledger's writer knew of each chain when the next message of AUDIT came. Verification makes it again while it
 * reads AUDIT in order. It begins with the entries of messages that AUDIT no longer has, by their cores alone.
 *
 * When an organization's message is gone from the middle of AUDIT, its chain here is *partial* from there on: its
 * windows lack numbers, and prove nothing any more.
 */
import type { VerifiedEntry, Volume } from '@waybill/schema';
import {
  type Admission,
  createSizeMemory,
  needsSize,
  NO_VOLUME,
  type Origin,
  ProducerWindows,
  SIZE_WINDOW,
  type SizeMemory,
  statedVolume,
  type Transfer,
} from '@waybill/schema/internal';

/** An event that a chain has. */
interface ChainEvent {
  /** When the stream stored its message. */
  readonly received: string;
  readonly origin: Origin | null;
  readonly transfer: Transfer | null;
  /** The volume in its entry, if that is erased and names the entry that its size is from. */
  readonly stated: Volume | undefined;
}

export interface AuditChains {
  /** Adds an entry whose message AUDIT no longer has: it is before the first one. In the order of the chain. */
  addExpired(verified: VerifiedEntry): void;
  /** Adds the next event of a chain. @returns what its entry has to say; `isTrusted` when its size cannot be checked */
  addEvent(orgid: string, event: ChainEvent): { received: string; volume: Volume; isTrusted: boolean };
  /** Adds an entry whose message is gone from the middle of AUDIT. */
  addMissing(orgid: string): void;
  /** What the writer must have done with an event that the chain does not have; null when nobody can say. */
  admissionOf(orgid: string, origin: Origin): Admission | null;
}

interface ChainState {
  seq: number;
  received: string;
  /** The number of the last entry whose message has expired. */
  lastExpired: number;
  isPartial: boolean;
  windows: ProducerWindows | null;
  sizes: SizeMemory | null;
}

export interface AuditChainsOptions {
  /** Whether events of the organization are recorded as repeated. Windows are kept for no other one. */
  readonly hasRepeated: (orgid: string) => boolean;
  /** Whether the organization has erased entries of deduplicated uploads. Sizes are kept for no other one. */
  readonly hasErasedSizes: (orgid: string) => boolean;
  /** The organization whose first entries were not read. */
  readonly cut: string | undefined;
}

export function createAuditChains({ hasRepeated, hasErasedSizes, cut }: AuditChainsOptions): AuditChains {
  const chains = new Map<string, ChainState>();

  function chainOf(orgid: string): ChainState {
    let chain = chains.get(orgid);
    if (!chain) {
      chain = { seq: 0, received: '', lastExpired: 0, isPartial: orgid === cut, windows: null, sizes: null };
      chains.set(orgid, chain);
    }
    return chain;
  }

  function admit(chain: ChainState, origin: Origin): Admission {
    chain.windows ??= new ProducerWindows();
    return chain.windows.admit(origin.producer, origin.producerseq, chain.seq);
  }

  function volumeOf(
    chain: ChainState,
    { transfer, stated }: ChainEvent,
    isSized: boolean,
  ): { volume: Volume; isTrusted: boolean } {
    if (!transfer) return { volume: NO_VOLUME, isTrusted: false };
    if (!isSized) return { volume: statedVolume(transfer), isTrusted: false };
    chain.sizes ??= createSizeMemory();
    const derived = chain.sizes.resolve(chain.seq, transfer);
    const isTrusted =
      stated?.from !== undefined &&
      needsSize(transfer) &&
      chain.sizes.mentionedAt(chain.seq, transfer.digest) === 0 &&
      (chain.isPartial || (stated.from <= chain.lastExpired && chain.seq - chain.lastExpired <= SIZE_WINDOW));
    const volume = isTrusted && stated ? stated : derived;
    chain.sizes.note(chain.seq, transfer, volume);
    return { volume, isTrusted };
  }

  return {
    addExpired({ entry: { core }, origin }) {
      const chain = chainOf(core.orgid);
      chain.seq = core.seq;
      chain.lastExpired = core.seq;
      chain.received = core.received;
      if (origin) admit(chain, origin);
    },
    addEvent(orgid, event) {
      const chain = chainOf(orgid);
      chain.seq++;
      if (event.received > chain.received) chain.received = event.received;
      if (event.origin && hasRepeated(orgid)) admit(chain, event.origin);
      return { received: chain.received, ...volumeOf(chain, event, hasErasedSizes(orgid)) };
    },
    admissionOf(orgid, origin) {
      const chain = chainOf(orgid);
      if (chain.isPartial) return null;
      chain.windows ??= new ProducerWindows();
      return chain.windows.admit(origin.producer, origin.producerseq, chain.seq + 1);
    },
    addMissing(orgid) {
      const chain = chainOf(orgid);
      chain.seq++;
      chain.isPartial = true;
    },
  };
}
