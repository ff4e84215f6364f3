/** The verification of a receipt, for people. */
import type { ReceiptReport, ReceiptScope } from '../judge/receipt-report.ts';

/** The last line is the verdict. */
export function receiptLines({ event, entry, summary, problem, checked, not_checked }: ReceiptReport): string[] {
  const verdict = `verdict: ${summary}`;
  const about = event
    ? [
        `event ${event.id ?? '?'} of ${event.orgid ?? '?'}: ${event.type ?? '?'} from ${event.source ?? '?'}, ${event.time ?? '?'}`,
      ]
    : [];
  const place = entry ? [`entry ${entry.seq} of ${entry.orgid}, hash ${entry.hash}`] : [];
  const fault = problem === null ? [] : [`${summary}: ${problem}`];
  return [...about, ...place, ...fault, ...listed('checked', checked), ...listed('not checked', not_checked), verdict];
}

function listed(name: string, scopes: readonly ReceiptScope[]): string[] {
  return scopes.length === 0 ? [`${name}: nothing`] : scopes.map(({ what, count }) => `${name}: ${what}: ${count}`);
}
