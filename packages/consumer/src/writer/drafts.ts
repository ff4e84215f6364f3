/** Blocks that are not stored yet: by chain, and in the order in which they began. */
import { type nextTrailer, SYSTEM_CHAIN } from '@waybill/schema/internal';
import { type Lines, noLines } from './line-pages.ts';
import type { Hold, Watermark } from './watermark.ts';

export interface Draft {
  readonly orgid: string;
  /** `seq` of its first entry. */
  readonly first: number;
  readonly lines: Lines;
  entries: number;
  /** Whether one of its entries records how the streams are configured. */
  hasStreamRecord: boolean;
  /**
   * Set when the block is full: where the chain stood then, and what was stored. Otherwise the trailer is made when
   * sealed.
   */
  trailer: ReturnType<typeof nextTrailer> | null;
}

/** A draft is open, then full, then sealed, then stored. It may be sealed while it is open. */
export interface Drafts {
  /** Those that take entries, by chain. */
  readonly open: ReadonlyMap<string, Draft>;
  /** Those that are not sealed, the oldest first, without those of `_system`. */
  readonly unsealed: ReadonlySet<Draft>;
  readonly unsealedOfSystem: ReadonlySet<Draft>;
  /** How many are not sealed. */
  readonly size: number;
  begin(orgid: string, first: number): Draft;
  /** It takes no more entries. */
  close(draft: Draft): void;
  /** It is on its way; its chain goes on in another draft. */
  seal(draft: Draft): void;
  /** It is stored, and holds back no watermark any more. */
  remove(draft: Draft): void;
  /** Whether a chain has entries that are not stored. */
  holds(orgid: string): boolean;
  /** Whether a block of a chain is sealed and not stored. */
  isOnItsWay(orgid: string): boolean;
}

export function createDrafts(watermark: Watermark): Drafts {
  const open = new Map<string, Draft>();
  const unsealed = new Set<Draft>();
  const unsealedOfSystem = new Set<Draft>();
  const holds = new Map<Draft, Hold>();
  /** By chain: how many of its drafts are not stored, and how many of those are sealed. */
  const unstored = new Map<string, { drafts: number; sealed: number }>();

  return {
    open,
    unsealed,
    unsealedOfSystem,
    get size() {
      return unsealed.size + unsealedOfSystem.size;
    },
    begin(orgid, first) {
      const draft: Draft = { orgid, first, lines: noLines(), entries: 0, hasStreamRecord: false, trailer: null };
      open.set(orgid, draft);
      (orgid === SYSTEM_CHAIN ? unsealedOfSystem : unsealed).add(draft);
      holds.set(draft, watermark.hold());
      const own = unstored.get(orgid);
      if (own) own.drafts++;
      else unstored.set(orgid, { drafts: 1, sealed: 0 });
      return draft;
    },
    close({ orgid }) {
      open.delete(orgid);
    },
    seal(draft) {
      const { orgid } = draft;
      if (open.get(orgid) === draft) open.delete(orgid);
      unsealed.delete(draft);
      unsealedOfSystem.delete(draft);
      (unstored.get(orgid) as { sealed: number }).sealed++;
    },
    remove(draft) {
      const { orgid } = draft;
      watermark.release(holds.get(draft) as Hold);
      holds.delete(draft);
      const own = unstored.get(orgid) as { drafts: number; sealed: number };
      own.sealed--;
      if (--own.drafts === 0) unstored.delete(orgid);
    },
    holds: (orgid) => unstored.has(orgid),
    isOnItsWay: (orgid) => (unstored.get(orgid)?.sealed ?? 0) > 0,
  };
}
