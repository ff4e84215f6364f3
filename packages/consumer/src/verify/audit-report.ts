/** What the comparison of the chains with AUDIT reports: problems, what was compared, and what could not be. */

/** What was checked, or was not, and how much of it. */
export interface AuditScope {
  readonly what: string;
  readonly count: number;
}

export interface AuditProblem {
  /** Sequence in the AUDIT stream. */
  readonly seq: number;
  /** The event's number in a message that holds several. */
  readonly index?: number;
  /**
   * - `not_chained`: no chain has the message, or the event
   * - `altered`: its chain has something else
   * - `misjudged`: `_system` records it as what it is not
   * - `unbacked`: a chain has an entry that is made from it, and AUDIT has no such message
   */
  readonly kind: 'not_chained' | 'altered' | 'misjudged' | 'unbacked';
  readonly verdict: 'tampered' | 'incomplete';
  readonly detail: string;
}

/** How many problems a report lists, and how many of the ledger stream. */
export const MAX_LISTED_PROBLEMS = 100;

export interface AuditCounts {
  /** Messages, and events of those that hold several. */
  compared: number;
  /** Events that are recorded as repeated, and were repeated. */
  repeated: number;
  /** Erased entries that were compared with their messages. */
  erased: number;
  /** Erased entries whose messages are gone from the middle of AUDIT. */
  gone: number;
  /** Entries of earlier epochs, whose streams are gone. */
  earlier: number;
  /** Entries of messages before the first one that AUDIT has. */
  expired: number;
  /** Events that are recorded as repeated, and may or may not have been. */
  undecided: number;
  /** Sizes in erased entries that come from entries whose messages are gone. */
  trustedSizes: number;
  /** Entries that name another stream than the one that has their messages. */
  otherStream: number;
  /** Records of earlier epochs. */
  epochs: number;
  /** All entries, when AUDIT is a stream that the ledger does not know. */
  unknown: number;
  /** Acknowledgements of losses that were compared with their messages. */
  acknowledged: number;
  /** Records of operators' other statements: compared is only what they keep of the messages. */
  statements: number;
}

export function noAuditCounts(): AuditCounts {
  return {
    compared: 0,
    repeated: 0,
    erased: 0,
    gone: 0,
    earlier: 0,
    expired: 0,
    undecided: 0,
    trustedSizes: 0,
    otherStream: 0,
    epochs: 0,
    unknown: 0,
    acknowledged: 0,
    statements: 0,
  };
}

export const AUDIT_CHECKED = {
  compared: 'messages of AUDIT and their events, against the chains',
  erased: 'erased entries, against messages that AUDIT still has',
  repeated: 'events that are recorded as repeated, against the numbers that their chains have',
  acknowledged: 'acknowledgements of losses, against the messages that they were made in',
} as const;

export const AUDIT_NOT_CHECKED = {
  unknown: 'entries, because AUDIT is a stream that the ledger does not know',
  expired: 'entries of messages before the first one that was compared',
  gone: 'erased entries whose messages are gone from AUDIT',
  earlier: 'entries of streams before this one, which are gone',
  epochs: 'records of streams before this one',
  undecided: 'events that are recorded as repeated, against numbers that are not at hand',
  trustedSizes: 'sizes that erased entries took from what is not at hand',
  otherStream: 'entries that name another stream than this one',
  statements: 'statements of operators, against the messages that they were made in',
} as const;

/** One line for each text, with the sum of its counts. In the order in which they come. */
export function sumUp(scopes: readonly AuditScope[]): AuditScope[] {
  const counts = new Map<string, number>();
  for (const { what, count } of scopes) counts.set(what, (counts.get(what) ?? 0) + count);
  return [...counts].map(([what, count]) => ({ what, count }));
}

/** The counts that are not 0, with their texts. */
export function listScope(
  names: Readonly<Partial<Record<keyof AuditCounts, string>>>,
  counts: AuditCounts,
): AuditScope[] {
  return Object.entries(names).flatMap(([name, what]) => {
    const count = counts[name as keyof AuditCounts];
    return count > 0 ? [{ what, count }] : [];
  });
}
