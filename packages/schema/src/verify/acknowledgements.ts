/**
 * Losses that somebody acknowledged: records of `_system` that say why a chain lacks numbers of a publisher.
 * `docs/reference/format.md` §11 says what such a record covers.
 */
import { PRODUCER_PATTERN } from '../event/origin.ts';
import { isEventOrgid, SYSTEM_CHAIN } from '../event/subject.ts';
import type { Entry, Source } from '../ledger/entry.ts';

/** The record in `_system` by which a loss is known. */
export interface AcknowledgedBy {
  /** Its entry's number there. */
  readonly seq: number;
  readonly by: string;
  readonly reason: string;
}

/** A place in the AUDIT stream: what came before it was there when the acknowledgement was made. */
export type AuditPlace = Pick<Source, 'seq' | 'index'>;

export interface LossAcknowledgement {
  readonly producer: string;
  /** Inclusive. `last` is null for the end of a publisher that is gone. */
  readonly first: number;
  readonly last: number | null;
  readonly place: AuditPlace;
  readonly record: AcknowledgedBy;
}

export interface Acknowledgements {
  /** Adds the next good entry of `_system`. Entries of other chains, and other records, say nothing. */
  add(entry: Entry): void;
  /** Those of an organization's losses, in the order of `_system`. */
  of(orgid: string): readonly LossAcknowledgement[];
}

export function createAcknowledgements(): Acknowledgements {
  const byOrganization = new Map<string, LossAcknowledgement[]>();
  /** Messages that came before. The same one again says nothing new, and must not cover what was lost since. */
  const known = new Set<string>();

  return {
    add(entry) {
      const { core } = entry;
      if (core.orgid !== SYSTEM_CHAIN) return;
      // It is parsed each time that somebody asks for it.
      const { event } = entry;
      if (event?.['kind'] !== 'acknowledged') return;
      const { orgid, producer, first, last = null, by, reason, subject, sha256 } = event;
      if (typeof orgid !== 'string' || !isEventOrgid(orgid)) return;
      if (typeof producer !== 'string' || !PRODUCER_PATTERN.test(producer)) return;
      if (!isNumber(first) || !(last === null || (isNumber(last) && last >= first))) return;
      if (typeof by !== 'string' || typeof reason !== 'string') return;
      if (typeof sha256 !== 'string' || typeof subject !== 'string') return;
      const message = JSON.stringify([sha256, subject]);
      if (known.has(message)) return;
      known.add(message);
      const place = placeOf(core.source);
      const own = byOrganization.get(orgid) ?? [];
      byOrganization.set(orgid, own);
      own.push({ producer, first, last, place, record: { seq: core.seq, by, reason } });
    },
    of: (orgid) => byOrganization.get(orgid) ?? [],
  };
}

/** A place by its numbers alone. */
export function placeOf({ seq, index }: AuditPlace): AuditPlace {
  return index === undefined ? { seq } : { seq, index };
}

function isNumber(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 1;
}
