/** Usage for people, as a table. */
import type { UsageReport } from '../usage/usage.ts';
import type { Tallies, Usage } from '../usage/usage-answer.ts';
import { CSV_KINDS } from '../usage/usage-csv.ts';
import type { UsageNotice } from '../usage/usage-query.ts';
import { formatTable } from './table.ts';

/** Whose chains go on with times ahead of the clock, and what that means; null when none does. */
export function clockNote(notices: readonly UsageNotice[]): string | null {
  const ahead = notices.filter((notice) => notice.kind === 'clock_ahead');
  if (ahead.length === 0) return null;
  const names = ahead.slice(0, 3).map(({ orgid }) => orgid);
  const more = ahead.length > 3 ? ` and ${ahead.length - 3} more` : '';
  const latest = ahead.reduce((last, { received }) => (received > last ? received : last), '');
  return (
    `clock ahead: the chain of ${names.join(', ')}${more} goes on with times up to ${latest}, ` +
    `ahead of the server's clock: what was received in this window may be counted after it (docs/guides/incidents.md)`
  );
}

function listOf(answer: Usage | UsageReport): readonly Usage[] {
  return 'organizations' in answer ? answer.organizations : [answer];
}

const COLUMNS = CSV_KINDS;
type Counts = Pick<Tallies, 'events' | (typeof COLUMNS)[number]>;

export function usageTable(answer: Usage | UsageReport): string[] {
  const rows = answer.step === null ? wholeRows(answer) : windowRows(answer);
  const zone = answer.zone === 'UTC' && answer.step === null ? '' : `, ${answer.zone} by tz ${answer.tz}`;
  return [
    ...formatTable(rows),
    `received from ${answer.from ?? 'the beginning'} to ${answer.to ?? 'now'}${zone}${answer.final ? ', final' : ''}`,
  ];
}

const COUNT_NAMES = ['events', ...COLUMNS.flatMap((name) => [name, 'bytes', 'unknown'])];

function cellsOf(counts: Counts): string[] {
  return [counts.events, ...COLUMNS.flatMap((name) => [counts[name].count, counts[name].bytes, counts[name].unknown])];
}

function wholeRows(answer: Usage | UsageReport): string[][] {
  const rows = [['organization', ...COUNT_NAMES], ...listOf(answer).map((one) => [one.orgid, ...cellsOf(one)])];
  if ('sum' in answer) rows.push(['(sum)', ...cellsOf(answer.sum)]);
  return rows;
}

/** A row for each window, and one for each organization's whole. */
function windowRows(answer: Usage | UsageReport): string[][] {
  const rows = [['organization', answer.step ?? '', ...COUNT_NAMES]];
  for (const one of listOf(answer)) {
    for (const window of one.windows ?? [])
      rows.push([one.orgid, `${window.local}${window.partial ? ' (part)' : ''}`, ...cellsOf(window)]);
    rows.push([one.orgid, '(all)', ...cellsOf(one)]);
  }
  if ('sum' in answer) rows.push(['(sum)', '', ...cellsOf(answer.sum)]);
  return rows;
}
