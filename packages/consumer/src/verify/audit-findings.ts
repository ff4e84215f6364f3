/** The problems that the comparison with AUDIT finds: all are counted, and the gravest are listed. */
import type { Verdict } from '@waybill/schema';
import { type Era, toStream } from '../audit/eras.ts';
import { type AuditProblem, MAX_LISTED_PROBLEMS } from './audit-report.ts';

export interface AuditFindings {
  /** @param problem `seq` is the ledger's. @param more further problems that this one stands for */
  add(problem: AuditProblem, more?: number): void;
  /** The worst of all verdicts. */
  readonly verdict: Verdict;
  readonly count: number;
  /** With the stream's own numbers. */
  readonly problems: readonly AuditProblem[];
}

export function createAuditFindings(eras: readonly Era[]): AuditFindings {
  const problems: AuditProblem[] = [];
  let count = 0;
  let verdict: Verdict = 'ok';

  /** Makes room for a problem that decides the verdict. @returns whether there is room */
  function makeRoom(problem: AuditProblem): boolean {
    if (problems.length < MAX_LISTED_PROBLEMS) return true;
    if (problem.verdict !== 'tampered') return false;
    const lighter = problems.findLastIndex((one) => one.verdict !== 'tampered');
    if (lighter >= 0) problems.splice(lighter, 1);
    return lighter >= 0;
  }

  return {
    add(problem, more = 0) {
      count += 1 + more;
      if (verdict !== 'tampered') ({ verdict } = problem);
      if (makeRoom(problem)) problems.push({ ...problem, seq: toStream(problem.seq, eras) });
    },
    get verdict() {
      return verdict;
    },
    get count() {
      return count;
    },
    problems,
  };
}
