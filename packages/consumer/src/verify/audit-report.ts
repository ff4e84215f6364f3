/** What the comparison of the chains with AUDIT says, and what it is not about. */

/** What was looked at, or was not, and how many of it. */
export interface AuditScope {
  readonly what: string;
  readonly count: number;
}

export interface AuditProblem {
  /** In the AUDIT stream. */
  readonly seq: number;
  /** In a message that holds several events. */
  readonly index?: number;
  /**
   * - `not_chained`: no chain has it
   * - `altered`: the chain has something else
   * - `misjudged`: recorded in `_system` as what it is not
   * - `unbacked`: a chain has an entry from it, and AUDIT has no such message
   */
  readonly kind: 'not_chained' | 'altered' | 'misjudged' | 'unbacked';
  readonly verdict: 'tampered' | 'incomplete';
  readonly detail: string;
}

export interface AuditCounts {
  /** Messages, and events of those that hold several. */
  compared: number;
  /** Events that are recorded as repeated, and are. */
  repeated: number;
  /** Erased entries whose message is there. */
  erased: number;
  /** Erased entries whose messages are gone from the middle of AUDIT. */
  gone: number;
  /** Entries of earlier epochs, whose messages are gone with the stream. */
  earlier: number;
  /** Entries of messages before the first one at hand. */
  expired: number;
  /** Events that are recorded as repeated, which nobody can say. */
  undecided: number;
  /** Sizes of erased uploads that were taken from what is not at hand. */
  trustedSizes: number;
  /** Entries of messages at hand that name another stream. */
  otherStream: number;
  /** Records of earlier epochs. */
  epochs: number;
  /** Entries, of a stream that the ledger does not know. */
  unknown: number;
  /** Records of what operators said in messages: only that they keep those. */
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
    statements: 0,
  };
}

export const AUDIT_CHECKED = {
  compared: 'messages of AUDIT and their events, against the chains',
  erased: 'erased entries, against messages that AUDIT still has',
  repeated: 'events that are recorded as repeated, against the numbers that their chains have',
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

export function listScope(
  names: Readonly<Partial<Record<keyof AuditCounts, string>>>,
  counts: AuditCounts,
): AuditScope[] {
  return Object.entries(names).flatMap(([name, what]) => {
    const count = counts[name as keyof AuditCounts];
    return count > 0 ? [{ what, count }] : [];
  });
}
