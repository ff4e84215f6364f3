/**
 * The chains while AUDIT is read in order: what the ledger's writer knew of each when it met the next message. They begin
 * with the entries of the messages before the first one at hand, which are known by their cores alone.
 *
 * An organization whose message is gone has fewer numbers here than its chain has. It is *partial* from there on: what
 * its windows say is no evidence any more.
 */
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
  type VerifiedEntry,
  type Volume,
} from '@waybill/schema';

interface NextEvent {
  /** When the stream stored its message. */
  readonly received: string;
  readonly origin: Origin | null;
  readonly transfer: Transfer | null;
  /** The volume of its entry, if that is erased and says to have taken a size. */
  readonly stated: Volume | undefined;
}

export interface AuditChains {
  /** An entry of a message before the first one at hand; in the order of its chain. */
  pass(verified: VerifiedEntry): void;
  /** The next event that a chain has. @returns what its entry has to say; `isTrusted`: the size it took cannot be checked */
  take(orgid: string, event: NextEvent): { received: string; volume: Volume; isTrusted: boolean };
  /** What becomes of an event that the chain does not have; null: nobody can say. */
  decide(orgid: string, origin: Origin): Admission | null;
  /** The next entry of a chain has no message at hand. */
  lose(orgid: string): void;
}

interface ChainState {
  seq: number;
  received: string;
  /** The last entry that was passed. */
  before: number;
  isPartial: boolean;
  windows: ProducerWindows | null;
  sizes: SizeMemory | null;
}

export interface AuditChainsOptions {
  /** Organizations with events that are recorded as repeated: nothing is known of others' windows. */
  readonly isRepeating: (orgid: string) => boolean;
  /** Organizations with erased uploads that were skipped: nothing is known of others' sizes. */
  readonly sized: ReadonlySet<string>;
  /** The organization whose first entries were not read. */
  readonly cut: string | undefined;
}

export function createAuditChains({ isRepeating, sized, cut }: AuditChainsOptions): AuditChains {
  const chains = new Map<string, ChainState>();

  function chainOf(orgid: string): ChainState {
    let chain = chains.get(orgid);
    if (!chain) {
      chain = { seq: 0, received: '', before: 0, isPartial: orgid === cut, windows: null, sizes: null };
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
    { transfer, stated }: NextEvent,
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
      (chain.isPartial || (stated.from <= chain.before && chain.seq - chain.before <= SIZE_WINDOW));
    const volume = isTrusted && stated ? stated : derived;
    chain.sizes.note(chain.seq, transfer, volume);
    return { volume, isTrusted };
  }

  return {
    pass({ entry: { core }, origin }) {
      const chain = chainOf(core.orgid);
      chain.seq = core.seq;
      chain.before = core.seq;
      chain.received = core.received;
      if (origin) admit(chain, origin);
    },
    take(orgid, event) {
      const chain = chainOf(orgid);
      chain.seq++;
      if (event.received > chain.received) chain.received = event.received;
      if (event.origin && isRepeating(orgid)) admit(chain, event.origin);
      return { received: chain.received, ...volumeOf(chain, event, sized.has(orgid)) };
    },
    decide(orgid, origin) {
      const chain = chainOf(orgid);
      if (chain.isPartial) return null;
      chain.windows ??= new ProducerWindows();
      return chain.windows.admit(origin.producer, origin.producerseq, chain.seq + 1);
    },
    lose(orgid) {
      const chain = chainOf(orgid);
      chain.seq++;
      chain.isPartial = true;
    },
  };
}
