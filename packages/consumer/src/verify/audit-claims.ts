/**
 * What the ledger's entries claim about AUDIT, collected while the ledger is read, before AUDIT is. All numbers are the
 * ledger's.
 */
import type { VerifiedEntry } from '@waybill/schema';
import {
  type Entry,
  EPOCH_STRIDE,
  type EpochRecord,
  type JsonObject,
  standsForNoMessage,
  SYSTEM_CHAIN,
} from '@waybill/schema/internal';
import { asEpochRecord } from '../audit/epoch.ts';
import type { Era } from '../audit/eras.ts';
import { type AuditChains, createAuditChains } from './audit-chains.ts';
import { claimOf, createLabels, type Labels } from './entry-claim.ts';
import { type ClaimIndex, createClaimIndex, type Place } from './claim-index.ts';
import { type AuditCounts, noAuditCounts } from './audit-report.ts';
import { type ClaimContext, createClaimContext } from './claim-context.ts';
import { createRecordedGaps, type RecordedGaps } from './recorded-gaps.ts';

export interface AuditClaimsOptions {
  readonly stream: string;
  readonly subjectPrefix: string;
  /** The parts of AUDIT that are there; ascending. */
  readonly eras: readonly Era[];
  /** Somebody else owns the stream, and may delete it and make it again. */
  readonly bind: boolean;
  /** Only this chain and `_system` are read. */
  readonly orgid?: string;
  /** The first entries of that chain are not read. */
  readonly isCut?: boolean;
}

export interface AuditClaims {
  /** Adds a good entry, in the ledger's order. @returns what is wrong with its claim, or null */
  add(verified: VerifiedEntry): string | null;
  /** Whether an organization's chain is read. */
  isRead(orgid: string): boolean;
  /** The era that a number is in. */
  eraOf(seq: number): Era | undefined;
  readonly index: ClaimIndex;
  readonly labels: Labels;
  readonly gaps: RecordedGaps;
  readonly context: ClaimContext;
  readonly chains: ReadonlyMap<Era, AuditChains>;
  readonly counts: AuditCounts;
  /** The highest number of an entry's message. */
  readonly highest: number;
  /** Entries whose messages are after the end of a stream that somebody else owns. */
  readonly beyond: { readonly first: number; readonly count: number } | null;
}

export function createAuditClaims(options: AuditClaimsOptions): AuditClaims {
  const { stream, eras, bind, orgid, isCut } = options;
  const index = createClaimIndex();
  const labels = createLabels();
  const gaps = createRecordedGaps();
  const context = createClaimContext();
  const forChains = { ...context, cut: isCut === true ? orgid : undefined };
  const chains = new Map(eras.map((era) => [era, createAuditChains(forChains)] as const));
  const newest = eras.at(-1);
  const counts = noAuditCounts();
  let highest = 0;
  let beyond: { first: number; count: number } | null = null;

  const eraOf = (seq: number): Era | undefined => eras.find(({ first, last }) => seq >= first && seq <= last);

  function add(verified: VerifiedEntry): string | null {
    const { entry } = verified;
    const { core } = entry;
    const { seq } = core.source;
    // Nothing of an organization's event has to be read: that would cost as much as all the rest.
    const event = core.orgid === SYSTEM_CHAIN ? entry.event : null;
    if (event !== null && standsForNoMessage(event)) return null;
    if (event?.['kind'] === 'epoch') return addEpoch(event, seq);
    if (newest && seq > newest.last) return addBeyond(seq, newest);
    if (event?.['kind'] === 'gap') return gaps.addRecord(event, seq);
    for (const [era, states] of chains) if (seq < era.first) states.addExpired(verified);
    const era = eraOf(seq);
    if (era) context.add(verified, event);
    if (era && era === newest && core.source.stream !== stream) counts.otherStream++;
    if (!era && newest && seq < newest.first) counts[seq < newest.base ? 'earlier' : 'expired']++;
    highest = Math.max(highest, seq);
    return addClaim(verified, event);
  }

  function addClaim({ entry: { core }, isErased, origin }: VerifiedEntry, event: JsonObject | null): string | null {
    const place = { seq: core.source.seq, index: core.source.index };
    const { label, digest } = claimOf(core, { origin, event, isErased }, labels);
    const earlier = index.claim(place, label.number, digest);
    if (earlier !== 0)
      return `message ${describePlace(place)} of ${stream} is in the chain of ${labels.get(earlier)?.chain} already`;
    if (!needsMessage(options, core, event)) index.settle(place);
    return null;
  }

  /**
   * AUDIT's end was looked up when the ledger's was known. Somebody else's stream may have been restored without its
   * end.
   */
  function addBeyond(seq: number, { base, last }: Era): string | null {
    if (!bind) return `it is of message ${seq - base} of ${stream}, which ends at ${last - base}`;
    beyond = { first: beyond?.first ?? seq, count: (beyond?.count ?? 0) + 1 };
    return null;
  }

  function addEpoch(event: JsonObject, seq: number): string | null {
    const record = checkEpoch(options, event, seq);
    if (typeof record === 'string') return record;
    gaps.addLost({ first: record.watermark + 1, last: seq + record.first - 1 });
    if (newest && seq < newest.base) counts.epochs++;
    return null;
  }

  return {
    add,
    isRead: (chain) => isRead(options, chain),
    eraOf,
    index,
    labels,
    gaps,
    context,
    chains,
    counts,
    get highest() {
      return highest;
    },
    get beyond() {
      return beyond;
    },
  };
}

/** The record of an epoch, or what is wrong with it. @param seq where it is recorded */
function checkEpoch({ bind, stream }: AuditClaimsOptions, event: JsonObject, seq: number): EpochRecord | string {
  if (!bind) {
    return (
      `an epoch is recorded, but ${stream} is a stream of our own, which has none ` +
      '(of a stream that somebody else owns: WAYBILL_STREAM_MODE=bind)'
    );
  }
  const record = asEpochRecord(event);
  const isSound = record?.epoch === seq / EPOCH_STRIDE && record.watermark < seq && record.first <= EPOCH_STRIDE;
  return isSound ? record : `the epoch ${JSON.stringify(event['epoch'])} is recorded at ${seq}`;
}

function isRead({ orgid }: AuditClaimsOptions, chain: string): boolean {
  return orgid === undefined || chain === orgid;
}

/**
 * Whether a message has to be found for an entry. Of `_system`, only for entries about an organization that is read.
 */
function needsMessage(options: AuditClaimsOptions, core: Entry['core'], event: JsonObject | null): boolean {
  const { orgid, subjectPrefix } = options;
  if (isRead(options, core.orgid)) return true;
  if (event?.['orgid'] === orgid) return true;
  return orgid !== undefined && namesOrganization(core.source.subject, subjectPrefix, orgid);
}

/** Whether a subject is read when one organization is verified. A longer one with the same end is nobody's. */
function namesOrganization(subject: string, prefix: string, orgid: string): boolean {
  if (!subject.startsWith(`${prefix}.`) || !subject.endsWith(`.${orgid}`)) return false;
  return subject.slice(prefix.length + 1).split('.').length === TOKENS_WITH_ORGANIZATION;
}

/** Tokens after the prefix: target, action and organization. Chainloop's subjects have two. */
const TOKENS_WITH_ORGANIZATION = 3;

function describePlace({ seq, index }: Place): string {
  return index === undefined ? String(seq) : `${seq}, index ${index},`;
}
