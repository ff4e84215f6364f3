/**
 * The states of chains that the writer has in memory. A chain is loaded when an event of it comes. When there are too
 * many, those are evicted that were needed longest ago, about (second chance). Which chains are in memory changes
 * nothing: what an evicted chain had is in the ledger, and is read from there again.
 */
import { type ChainState, SYSTEM_CHAIN } from '@waybill/schema/internal';
import { type ChainLoaderOptions, createChainLoader, type LoadedChain } from './chain-loader.ts';

export interface ChainCacheOptions extends ChainLoaderOptions {
  /** Chains to keep. There are more while more are needed. */
  readonly maxChains: number;
}

export interface ChainCache {
  readonly chains: ReadonlyMap<string, ChainState>;
  /** Loads the chains that are not there, however often one is named. All of them stay until `evict`. */
  load(orgids: Iterable<string>): Promise<void>;
  /** Forgets chains, if there are too many, but none that is needed because entries of it are not stored yet. */
  evict(isNeeded: (orgid: string) => boolean): void;
  /** Stream sequence of a chain's newest block, 0 when it has none. The chain must be there. */
  newest(orgid: string): number;
  /** The same of its newest block whose trailer has all publishers. */
  base(orgid: string): number;
  /** A new block of a chain is stored. The chain must be there. */
  update(orgid: string, block: { readonly seq: number; readonly hasAllPublishers: boolean }): void;
}

interface CachedChain {
  readonly state: ChainState;
  newest: number;
  base: number;
  /** Since `evict` looked at it last. */
  wasUsed: boolean;
}

export function createChainCache({ maxChains, ...options }: ChainCacheOptions): ChainCache {
  const loadChains = createChainLoader(options);
  const chains = new Map<string, ChainState>();
  /** The same chains, in the order in which `evict` looks at them. */
  const cached = new Map<string, CachedChain>();

  function add({ orgid, state, newest, base }: LoadedChain): void {
    chains.set(orgid, state);
    cached.set(orgid, { state, newest, base, wasUsed: true });
  }

  return {
    chains,
    async load(orgids) {
      const absent = new Set<string>();
      for (const orgid of orgids) {
        const chain = cached.get(orgid);
        if (chain) chain.wasUsed = true;
        else absent.add(orgid);
      }
      if (absent.size > 0) await loadChains([...absent], add);
    },
    newest: (orgid) => (cached.get(orgid) as CachedChain).newest,
    base: (orgid) => (cached.get(orgid) as CachedChain).base,
    update(orgid, { seq, hasAllPublishers }) {
      const chain = cached.get(orgid) as CachedChain;
      chain.newest = seq;
      if (hasAllPublishers) chain.base = seq;
    },
    evict(isNeeded) {
      // Each chain that is here now is looked at once.
      let left = cached.size;
      for (const [orgid, chain] of cached) {
        if (cached.size <= maxChains || left-- === 0) return;
        cached.delete(orgid);
        if (chain.wasUsed || orgid === SYSTEM_CHAIN || isNeeded(orgid)) {
          chain.wasUsed = false;
          cached.set(orgid, chain);
        } else {
          chains.delete(orgid);
        }
      }
    },
  };
}
