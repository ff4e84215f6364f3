/**
 * Which chain has which AUDIT message, for verification: 16 bytes for each sequence number, in pages, so that ten
 * million events take 160 MB whatever they are.
 */
import * as crypto from 'node:crypto';

/** What a chain says about an AUDIT message: the message must give the same. */
export interface Claim {
  /** For an event: its `event_hash`; for a record of `_system`: the SHA-256 of the payload. Hexadecimal. */
  readonly contentHash: string;
  /** `core.received`. */
  readonly received: string;
}

export interface AuditIndex {
  /** Notes that `chain` has the message. @returns the chain that had it before, or null */
  claim(seq: number, chain: string, claim: Claim): string | null;
  /** The chain that has the message; null when none does. */
  chainOf(seq: number): string | null;
  /** Whether that chain's claim was this one. */
  matches(seq: number, claim: Claim): boolean;
}

const PAGE = 65_536;
/** Of the digest; with 96 bits nobody finds another message that fits. */
const DIGEST_BYTES = 12;
const SLOT_BYTES = DIGEST_BYTES + 4;

export function createAuditIndex(): AuditIndex {
  const pages = new Map<number, DataView>();
  const chains: string[] = [];
  const numbers = new Map<string, number>();

  function numberOf(chain: string): number {
    const known = numbers.get(chain);
    if (known !== undefined) return known;
    chains.push(chain);
    numbers.set(chain, chains.length);
    return chains.length;
  }

  function at(seq: number, create: boolean): { page: DataView; offset: number } | null {
    const number = Math.floor(seq / PAGE);
    let page = pages.get(number);
    if (!page) {
      if (!create) return null;
      page = new DataView(new ArrayBuffer(PAGE * SLOT_BYTES));
      pages.set(number, page);
    }
    return { page, offset: (seq % PAGE) * SLOT_BYTES };
  }

  function chainAt(seq: number): string | null {
    const slot = at(seq, false);
    // 0: nobody claimed it.
    return (slot && chains[slot.page.getUint32(slot.offset + DIGEST_BYTES) - 1]) ?? null;
  }

  return {
    claim(seq, chain, claim) {
      const before = chainAt(seq);
      if (before !== null) return before;
      const { page, offset } = at(seq, true) as { page: DataView; offset: number };
      const digest = digestOf(claim);
      for (let i = 0; i < DIGEST_BYTES; i++) page.setUint8(offset + i, digest[i] as number);
      page.setUint32(offset + DIGEST_BYTES, numberOf(chain));
      return null;
    },
    chainOf: chainAt,
    matches(seq, claim) {
      const slot = at(seq, false);
      const digest = digestOf(claim);
      for (let i = 0; i < DIGEST_BYTES; i++) if (slot?.page.getUint8(slot.offset + i) !== digest[i]) return false;
      return true;
    },
  };
}

function digestOf({ contentHash, received }: Claim): Buffer {
  return crypto.hash('sha256', `${contentHash} ${received}`, 'buffer');
}
