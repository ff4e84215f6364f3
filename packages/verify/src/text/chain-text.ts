/**
 * The `text/` room: reports in words for people, as lines. Reports come in; nothing is decided here.
 *
 * This file has the report of a chain.
 */
import type { ChainReport } from '@waybill/schema/verify';

/** The whole report. The last line is the verdict. */
export function replayLines(report: ChainReport): string[] {
  return [...chainLines(report), ...aboutLines(report), verdictLine(report)];
}

/** The last line. A bare `ok` is one without known losses. @param acknowledged how many of them, a decimal */
export function verdictLine({ verdict, acknowledged = '0' }: Pick<ChainReport, 'verdict' | 'acknowledged'>): string {
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

interface CheckedScope {
  readonly what: string;
  readonly count: number;
}

interface Scope {
  readonly checked: readonly CheckedScope[];
  readonly not_checked: readonly CheckedScope[];
}

/** What was checked, and what was not. Both are always said. */
export function aboutLines({ checked, not_checked }: Scope): string[] {
  const say = (name: string, all: readonly CheckedScope[]): string[] =>
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
  const more = `${unknown.length > 3 ? ', …' : ''}${unknown.length < holes.length ? '; the others are known' : ''}`;
  const names = listed.length === 0 ? 'all are known' : `${listed.join(', ')}${more}`;
  return `${what}${range}; ${missing} events never arrived (${names})`;
}
