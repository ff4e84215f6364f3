/** A verification report for people. */
import type { ChainReport, Verdict } from '@waybill/schema';
import { AUDIT_CHECKED, type AuditScope } from '../verify/audit-report.ts';
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
  return [...lines, ...aboutLines({ checked, not_checked: scope.not_checked }), verdictLine(verdict, acknowledged)];
}

/** The last line. A bare `ok` is one without known losses. @param acknowledged how many of them, a decimal */
function verdictLine(verdict: Verdict, acknowledged = '0'): string {
  if (acknowledged === '0') return `verdict: ${verdict}`;
  return `verdict: ${verdict}, ${acknowledged} acknowledged ${acknowledged === '1' ? 'loss' : 'losses'}`;
}

/** A chain's verdict, and what no verdict covers. */
export function chainLines(report: ChainReport): string[] {
  const { orgid, open, open_count } = report;
  const lines = [chainLine(report), ...knownLines(report)];
  if (open_count === 0) return lines;
  const listed = open.slice(0, 3).map(({ producer, last, received }) => `${producer}, last ${last} at ${received}`);
  const more = open_count > 3 ? '; …' : '';
  lines.push(
    `open       ${orgid ?? '(no chain)'}: ${open_count} publishers have not closed (${listed.join('; ')}${more})`,
  );
  return lines;
}

/** Losses that somebody acknowledged, each with the record that says why. */
function knownLines({ orgid, holes, acknowledged_ends: ends = [] }: ChainReport): string[] {
  const known = [
    ...holes.flatMap(({ producer, first, last, acknowledged }) =>
      acknowledged ? [{ what: `${producer} ${first}-${last} never arrived`, record: acknowledged }] : [],
    ),
    ...ends.map(({ producer, last, acknowledged }) => ({
      what: `${producer} ended after ${last} without closing`,
      record: acknowledged,
    })),
  ];
  return known.map(
    ({ what, record }) =>
      `known      ${orgid ?? '(no chain)'}: ${what} (${record.by}: ${record.reason}; entry ${record.seq} of _system)`,
  );
}

function chainLine({ receipts, ...report }: ChainReport): string {
  const line = entriesLine(report);
  if (!receipts) return line;
  const { verified, unknown, unsigned, foreign } = receipts;
  const signatures = `${verified} verified, ${unknown} by unknown keys, ${unsigned} unsigned`;
  return `${line}; signatures: ${signatures}${foreign > 0 ? `, ${foreign} foreign` : ''}`;
}

interface Scope {
  readonly checked: readonly AuditScope[];
  readonly not_checked: readonly AuditScope[];
}

/** What was checked, and what was not. Both are always said. */
export function aboutLines({ checked, not_checked }: Scope): string[] {
  const say = (name: string, all: readonly AuditScope[]): string[] =>
    all.length === 0 ? [`${name}: nothing`] : all.map(({ what, count }) => `${name}: ${what}: ${count}`);
  return [...say('checked', checked), ...say('not checked', not_checked)];
}

function entriesLine({ verdict, orgid, entries, first, last, problem, holes, missing }: ChainReport): string {
  const what = `${verdict.padEnd(10)} ${orgid ?? '(no chain)'}: ${entries} entries`;
  const range = first && last ? `, ${first.seq} to ${last.seq}, head ${last.seq}:${last.hash}` : '';
  if (problem) return `${what} are good; at ${problem.seq}: ${problem.detail}`;
  if (holes.length === 0) return what + range;
  const unknown = holes.filter((hole) => !hole.acknowledged);
  const listed = unknown.slice(0, 3).map((hole) => `${hole.producer} ${hole.first}-${hole.last}`);
  const names = listed.length === 0 ? 'all are known' : `${listed.join(', ')}${unknown.length > 3 ? ', …' : ''}`;
  return `${what}${range}; ${missing} events never arrived (${names})`;
}
