import { type ChainReport, type Verdict, VERDICTS } from '@waybill/schema';
import {
  AUDIT_CHECKED,
  AUDIT_NOT_CHECKED,
  type AuditProblem,
  type AuditScope,
  listScope,
  sumUp,
} from './audit-report.ts';
import type { Comparison } from './compare-audit.ts';
import type { VerificationScope } from './verification-scope.ts';
import type { AuditCheck } from './verify-audit.ts';
import type { BlockVerifier } from './verify-blocks.ts';

export interface LedgerReport {
  /** The worst of all verdicts below. */
  readonly verdict: Verdict;
  /** How many losses of all chains are acknowledged: missing events, and ends of publishers. A decimal. */
  readonly acknowledged: string;
  /** Sorted by organization, `_system` last. */
  readonly chains: readonly ChainReport[];
  readonly ledger: {
    readonly stream: string;
    readonly last_seq: number;
    readonly entries: number;
    /** The ledger claims to have every AUDIT message up to this sequence. */
    readonly watermark: number;
    /** What is wrong with the stream as such. Each makes the verdict `tampered`. */
    readonly problems: readonly string[];
  };
  readonly audit: {
    readonly stream: string;
    /** Which epoch of the ledger this stream is, when somebody else owns it; 0 with a stream of our own. */
    readonly epoch: number;
    /** Entries of earlier epochs. Their streams are gone, and only the chains vouch for them. */
    readonly earlier: number;
    /** The first and last sequence that was compared. Earlier messages have expired: only the chains vouch for them. */
    readonly from: number;
    readonly to: number;
    readonly compared: number;
    /** Messages after the watermark that are in no chain yet. */
    readonly behind: number;
    /** At most 100 of them. */
    readonly problems: readonly AuditProblem[];
    readonly problem_count: number;
    /** What the comparison with AUDIT checked, and what it did not. The chains have lists of their own. */
    readonly checked: readonly AuditScope[];
    readonly not_checked: readonly AuditScope[];
  };
  /** The scope of the verdict: the lists of all chains and that of the comparison with AUDIT, summed up. */
  readonly checked: readonly AuditScope[];
  readonly not_checked: readonly AuditScope[];
}

export interface ReportParts {
  readonly scope: VerificationScope;
  readonly blocks: BlockVerifier;
  readonly check: AuditCheck;
  readonly comparison: Comparison;
  readonly watermark: number;
  readonly problems: readonly string[];
  /** A block claims more of AUDIT than there is. */
  readonly claimsTooMuch: boolean;
}

export function ledgerReport(parts: ReportParts): LedgerReport {
  const { scope, blocks, check, comparison, watermark, problems, claimsTooMuch } = parts;
  const { findings } = comparison;
  const { settings, epoch, eras } = scope;
  const isUnknown = eras.length === 0;
  const behind = isUnknown ? scope.auditMessages : comparison.behind;
  const counts = isUnknown ? { ...check.counts, unknown: blocks.entries } : check.counts;
  const chains = blocks.finish();
  const audit = { checked: listScope(AUDIT_CHECKED, counts), not_checked: listScope(AUDIT_NOT_CHECKED, counts) };
  const [oldest, newest] = [eras[0], eras.at(-1)];
  return {
    verdict: worst([
      ...chains.map(({ verdict }) => verdict),
      problems.length > 0 ? 'tampered' : 'ok',
      findings.verdict,
      // Somebody else's stream may have been restored without its end.
      behind > 0 || isUnknown || claimsTooMuch ? 'incomplete' : 'ok',
    ]),
    acknowledged: String(chains.reduce((sum, chain) => sum + BigInt(chain.acknowledged ?? 0), 0n)),
    chains,
    ledger: {
      stream: settings.ledgerStream,
      last_seq: scope.ledgerEnd,
      entries: blocks.entries,
      watermark,
      problems,
    },
    audit: {
      stream: settings.auditStream,
      epoch: epoch.record?.epoch ?? 0,
      earlier: counts.earlier,
      from: oldest ? oldest.first - oldest.base : 0,
      to: newest ? newest.last - newest.base : 0,
      compared: counts.compared,
      behind,
      problems: findings.problems,
      problem_count: findings.count,
      ...audit,
    },
    checked: sumUp([...chains, audit].flatMap((one): readonly AuditScope[] => one.checked)),
    not_checked: sumUp([...chains, audit].flatMap((one): readonly AuditScope[] => one.not_checked)),
  };
}

function worst(verdicts: readonly Verdict[]): Verdict {
  // Not Math.max(...): there is a verdict for each chain, and arguments are on the stack.
  return VERDICTS.findLast((verdict) => verdicts.includes(verdict)) ?? VERDICTS[0];
}
