/** The report of a verification with NATS, for people. */
import { aboutLines, chainLines, verdictLine } from '@waybill/verify/internal';
import { AUDIT_CHECKED } from '../verify/audit-report.ts';
import type { LedgerReport } from '../verify/ledger-report.ts';

export function reportLines({ verdict, acknowledged, chains, ledger, audit, ...scope }: LedgerReport): string[] {
  const lines = chains.flatMap(chainLines);
  if (chains.length === 0) lines.push('there is no chain yet');
  for (const problem of ledger.problems) lines.push(`tampered   ${problem}`);
  const from = audit.from > 1 ? `, from ${audit.from} on: what is before it was not compared` : '';
  if (audit.earlier > 0) {
    lines.push(
      `${audit.stream} is the stream of epoch ${audit.epoch}: ${audit.earlier} entries are of streams before it, which are gone, and were not compared`,
    );
  }
  lines.push(`${audit.stream}: ${audit.compared} messages compared with the chains${from}`);
  for (const { seq, index, verdict: one, detail } of audit.problems) {
    const place = index === undefined ? `message ${seq}` : `message ${seq}, event ${index},`;
    lines.push(`${one.padEnd(10)} ${place} of ${audit.stream}: ${detail}`);
  }
  if (audit.problem_count > audit.problems.length)
    lines.push(`and ${audit.problem_count - audit.problems.length} more`);
  if (audit.behind > 0)
    lines.push(`incomplete ${audit.behind} messages of ${audit.stream}, its last ones, are in no chain yet`);
  // The number of compared messages is in a line above.
  const checked = scope.checked.filter(({ what }) => what !== AUDIT_CHECKED.compared);
  return [...lines, ...aboutLines({ checked, not_checked: scope.not_checked }), verdictLine({ verdict, acknowledged })];
}
