/**
 * What the comparison of a message with its entry needs to know of other entries. Collected while the ledger is read.
 */
import type { VerifiedEntry, Volume } from '@waybill/schema';
import { type JsonObject, SYSTEM_CHAIN } from '@waybill/schema/internal';
import type { Place } from './claim-index.ts';

export interface ClaimContext {
  /** Adds an entry whose message AUDIT has. @param event of an entry of `_system`; null for others and when erased */
  add(verified: VerifiedEntry, event: JsonObject | null): void;
  /** Whether events of the organization may be recorded as repeated. */
  hasRepeated(orgid: string): boolean;
  /** Whether the organization has erased entries of deduplicated uploads. */
  hasErasedSizes(orgid: string): boolean;
  /** The volume in an erased entry that names the entry that its size is from. */
  statedVolume(place: Place): Volume | undefined;
}

export function createClaimContext(): ClaimContext {
  const repeated = new Set<string>();
  /** An erased record may be about a repeated event of any organization. */
  let mayAllBeRepeated = false;
  const withErasedSizes = new Set<string>();
  const volumes = new Map<string, Volume>();

  return {
    add({ entry: { core }, isErased }, event) {
      const isRepeated = event?.['kind'] === 'duplicate' || event?.['kind'] === 'beyond_window';
      if (isRepeated && typeof event['orgid'] === 'string') repeated.add(event['orgid']);
      if (isErased && core.orgid === SYSTEM_CHAIN) mayAllBeRepeated = true;
      if (!isErased || core.volume.kind !== 'deduplicated') return;
      withErasedSizes.add(core.orgid);
      if (core.volume.from !== undefined) volumes.set(keyOf(core.source), core.volume);
    },
    hasRepeated: (orgid) => mayAllBeRepeated || repeated.has(orgid),
    hasErasedSizes: (orgid) => withErasedSizes.has(orgid),
    statedVolume: (place) => volumes.get(keyOf(place)),
  };
}

function keyOf({ seq, index }: Place): string {
  return `${seq} ${index}`;
}
