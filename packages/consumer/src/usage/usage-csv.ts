/** Usage for programs that read CSV: a row for each window of each organization, or for each organization. */
import type { Boundary, Usage, UsageWindow } from './usage-answer.ts';

export const CSV_KINDS = ['uploads', 'downloads', 'deduplicated'] as const;

/** @returns lines, the header first */
export function usageCsv(answer: Usage | { readonly organizations: readonly Usage[] }): string[] {
  const list = 'organizations' in answer ? answer.organizations : [answer];
  const measures = CSV_KINDS.flatMap((name) => [`${name}_bytes`, `${name}_count`, `${name}_unknown`]);
  const header = ['organization', 'from', 'to', 'zone', 'partial', ...measures, 'final', 'seq', 'hash'];
  const row = (one: Usage, window: Usage | UsageWindow): string[] => [
    one.orgid,
    window.from ?? '',
    window.to ?? '',
    one.zone,
    String('partial' in window && window.partial),
    ...CSV_KINDS.flatMap((name) => [window[name].bytes, window[name].count, window[name].unknown]),
    String(one.final),
    ...cellsOf(window.boundary.to),
  ];
  return csvLines([
    header,
    ...list.flatMap((one) => (one.windows ?? [one]).map((window: Usage | UsageWindow) => row(one, window))),
  ]);
}

function cellsOf(boundary: Boundary | null): string[] {
  return [boundary?.seq ?? '', boundary?.hash ?? ''];
}

/** No value needs quotes: none has a comma, a quote or a line feed. */
function csvLines(rows: readonly (readonly string[])[]): string[] {
  return rows.map((cells) => cells.join(','));
}
