/** The verification of a bill, for people. */
import type { BillReport, BillScope, BillStatement } from '@waybill/schema/verify';
import { formatTable } from './table.ts';

const COLUMNS = ['uploads', 'downloads', 'deduplicated'] as const;

/** The last line is the verdict. */
export function billLines(report: BillReport): string[] {
  const { summary, problem, statement } = report;
  const verdict = `verdict: ${summary}`;
  if (statement === null) return [`${summary}: ${problem}`, verdict];
  if (problem !== null) return [...aboutLines(statement), `${summary}: ${problem}`, verdict];
  const anchored = listed('anchored to', report.anchored);
  return [
    ...aboutLines(statement),
    ...usageLines(statement),
    ...completenessLines(statement),
    ...listed('proven', report.proven),
    ...listed('stated by the issuer', report.stated),
    ...(anchored.length > 0 ? anchored : ['anchored to: nothing; a head or a replay of your own shows more']),
    ...listed('checked', report.checked),
    ...listed('not checked', report.not_checked),
    verdict,
  ];
}

function listed(name: string, scopes: readonly BillScope[]): string[] {
  return scopes.map(({ what, count }) => `${name}: ${what}: ${count}`);
}

function aboutLines({ orgid, period, zone, tz, from, to, issued_by }: BillStatement): string[] {
  const when = period === undefined ? '' : ` for ${period}`;
  return [`bill of ${orgid}${when}, issued by ${issued_by}`, `received from ${from} to ${to}, ${zone} by tz ${tz}`];
}

function usageLines({ usage }: BillStatement): string[] {
  const header = ['events', ...COLUMNS.flatMap((name) => [name, 'bytes', 'unknown'])];
  const row = [usage.events, ...COLUMNS.flatMap((name) => [usage[name].count, usage[name].bytes, usage[name].unknown])];
  return formatTable([header, row]);
}

function completenessLines({ completeness }: BillStatement): string[] {
  const { unknown, missing, open, duplicates, beyond_window, rejected, gaps } = completeness;
  const counts = [
    `${unknown} of unknown size`,
    `${missing} events never arrived`,
    `${open.count} publishers have not said that they ended`,
    `${duplicates} events came again`,
    `${beyond_window} came too late to count`,
    `${rejected} messages were no events`,
    `${gaps} messages were lost`,
  ];
  const last = open.publishers.slice(0, 3).map((one) => `${one.producer} at ${one.last} (${one.received})`);
  const more = Number(open.count) > 3 ? ', …' : '';
  return [
    `what may be missing: ${counts.join(', ')}`,
    ...(last.length > 0 ? [`open publishers, with their last number: ${last.join(', ')}${more}`] : []),
  ];
}
