/** What a bill states, derived from its cuts. */
import { SchemaError } from '../error.ts';
import type { Core } from '../ledger/entry.ts';
import { NO_TOTALS, subtractTotals, TALLIES, type Totals } from '../ledger/volume.ts';
import type { BillCompleteness, BillCut, BillLine, BillStatement } from './bill.ts';

export interface StatementParts {
  readonly orgid: string;
  readonly period?: string;
  readonly zone: string;
  readonly tz: string;
  readonly issuedBy: string;
  /** Ascending; at least two. */
  readonly cuts: readonly BillCut[];
  /** All but what the cuts tell. */
  readonly completeness: Omit<BillCompleteness, 'unknown'>;
}

/**
 * The statement of a window: a line for each two neighbouring cuts.
 *
 * @throws SchemaError NOT_A_BILL when totals go backwards from one cut to the next, or there are fewer than two cuts
 */
export function makeStatement({ issuedBy, cuts, completeness, ...rest }: StatementParts): BillStatement {
  const [first, last] = [cuts[0], cuts.at(-1)];
  if (!first || !last || cuts.length < 2)
    throw new SchemaError('NOT_A_BILL', `${cuts.length} cuts: expected 2 or more`);
  const usage = usageBetween(first, last);
  return {
    ...rest,
    issued_by: issuedBy,
    from: first.at,
    to: last.at,
    usage,
    cuts,
    lines: linesBetween(cuts),
    completeness: { ...completeness, unknown: unknownIn(usage) },
  };
}

/** @throws SchemaError NOT_A_BILL when totals go backwards */
export function linesBetween(cuts: readonly BillCut[]): BillLine[] {
  return cuts.slice(1).map((cut, i) => {
    const before = cuts[i] as BillCut;
    return { from: before.at, to: cut.at, ...usageBetween(before, cut) };
  });
}

/** The difference of two cuts' totals. @throws SchemaError NOT_A_BILL when it is negative */
export function usageBetween(from: BillCut, to: BillCut): Totals {
  try {
    return subtractTotals(totalsOf(to.before), totalsOf(from.before));
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new SchemaError('NOT_A_BILL', `${error.message}, from ${from.at} to ${to.at}`);
  }
}

/** Transfers of unknown size, of all kinds. */
export function unknownIn(usage: Totals): string {
  return String(TALLIES.reduce((sum, name) => sum + BigInt(usage[name].unknown), 0n));
}

function totalsOf(core: Core | null): Totals {
  return core?.totals ?? NO_TOTALS;
}
