/** Usage for people, as a table, and for programs, as CSV. */
import type { Usage, UsageReport } from '../usage/usage.ts';
import { formatTable } from './table.ts';

/** For an answer with `clock_ahead`: whose chains have such times, and what that means. */
export function clockNote(answer: Usage | UsageReport): string {
  const whose = listOf(answer).flatMap(({ orgid, clock_ahead }) => (clock_ahead === undefined ? [] : [orgid]));
  const more = whose.length > 3 ? ` and ${whose.length - 3} more` : '';
  return (
    `clock ahead: the chain of ${whose.slice(0, 3).join(', ')}${more} goes on with times up to ${answer.clock_ahead}, ` +
    `ahead of the server's clock: what was received in this window may be counted after it (docs/guides/incidents.md)`
  );
}

function listOf(answer: Usage | UsageReport): readonly Usage[] {
  return 'organizations' in answer ? answer.organizations : [answer];
}

const COLUMNS = ['uploads', 'downloads', 'deduplicated'] as const;

export function usageTable(answer: Usage | UsageReport): string[] {
  const header = ['organization', 'events', ...COLUMNS.flatMap((name) => [name, 'bytes', 'unknown'])];
  const row = (name: string, u: Pick<Usage, 'events' | (typeof COLUMNS)[number]>): string[] => [
    name,
    u.events,
    ...COLUMNS.flatMap((column) => [u[column].count, u[column].bytes, u[column].unknown]),
  ];
  const rows = [header, ...listOf(answer).map((one) => row(one.orgid, one))];
  if ('sum' in answer) rows.push(row('(sum)', answer.sum));
  return [
    ...formatTable(rows),
    `received from ${answer.from ?? 'the beginning'} to ${answer.to ?? 'now'}${answer.final ? ', final' : ''}`,
  ];
}

export function usageCsv(answer: Usage | UsageReport): string[] {
  const header = ['orgid', 'from', 'to', 'events'];
  for (const name of COLUMNS) header.push(`${name}_count`, `${name}_bytes`, `${name}_unknown`);
  header.push('boundary_from_seq', 'boundary_from_hash', 'boundary_to_seq', 'boundary_to_hash', 'final', 'clock_ahead');
  // No value needs quotes: none has a comma, a quote or a line feed.
  return [
    header,
    ...listOf(answer).map((u) => [
      u.orgid,
      u.from ?? '',
      u.to ?? '',
      u.events,
      ...COLUMNS.flatMap((column) => [u[column].count, u[column].bytes, u[column].unknown]),
      ...[u.boundary.from, u.boundary.to].flatMap((b) => [b?.seq ?? '', b?.hash ?? '']),
      String(u.final),
      u.clock_ahead ?? '',
    ]),
  ].map((cells) => cells.join(','));
}
