/** What the checks of a good bill have shown, counted and put into words. */
import type { Bill } from './bill.ts';
import {
  BILL_ANCHORED,
  BILL_CHECKED,
  BILL_NOT_CHECKED,
  BILL_PROVEN,
  BILL_STATED,
  type BillReport,
  listScopes,
} from './bill-report.ts';
import type { BoundsCheck } from './bounds-check.ts';
import type { HashedCores } from './cut-check.ts';
import type { MatchedHeads } from './head-match.ts';
import type { ReplayCheck } from './replay-check.ts';

export interface Findings {
  readonly bill: Bill;
  readonly cores: HashedCores;
  readonly bounds: BoundsCheck | null;
  readonly heads: MatchedHeads;
  readonly replay: ReplayCheck | null;
  readonly isVerified: boolean;
}

/** Of numbers of completeness, `unknown` follows from usage. */
const STATED_NUMBERS = 6;
const PUBLISHER_NUMBERS = 2;

/** The report on a bill in which nothing is wrong. */
export function reportFindings({ bill, cores, bounds, heads, replay, isVerified }: Findings): BillReport {
  const counts = countFindings({ bill, cores, bounds, heads, replay, isVerified });
  return {
    verdict: 'ok',
    summary: summaryOf(counts.anchored, counts.cuts),
    problem: null,
    statement: bill.statement,
    ...sayProven(counts),
    ...sayChecked(counts),
  };
}

type Counts = ReturnType<typeof countFindings>;

function countFindings({ bill, cores, bounds, heads, replay, isVerified }: Findings) {
  const { after: _, watermark, ...others } = bill.anchors;
  const { before, after } = cores;
  const isHeld = before.map((one, i) => heads.isHeld(one) || heads.isHeld(after[i]));
  const isReplayed = before.map((_, i) => replay?.anchored[i] ?? false);
  return {
    cuts: before.length,
    lines: bill.statement.lines.length,
    linked: after.filter((one) => one !== null).length,
    followed: after.filter((one, i) => one !== null || replay?.followed[i]).length,
    notFollowed: after.filter((one, i) => one !== null && !replay?.followed[i] && !heads.isHeld(one)).length,
    held: isHeld.filter(Boolean).length,
    replayed: isReplayed.filter(Boolean).length,
    anchored: before.filter((_, i) => isHeld[i] || isReplayed[i]).length,
    heads: heads.met + (replay ? heads.unmet : 0),
    unmetHeads: replay ? 0 : heads.unmet,
    replayEntries: replay?.report.entries ?? 0,
    publishers: replay?.publishers ? PUBLISHER_NUMBERS : 0,
    dated: bounds?.checked ?? 0,
    undated: bounds ? 0 : before.length,
    otherCuts: bounds?.others ?? 0,
    verified: Number(isVerified),
    unverified: Number(!isVerified && bill.signature !== undefined),
    watermark: Number(watermark !== undefined),
    otherAnchors: Object.keys(others).length,
  };
}

function sayProven(n: Counts): Pick<BillReport, 'proven' | 'stated' | 'anchored'> {
  return {
    proven: listScopes([
      [BILL_PROVEN.lines, n.lines],
      [BILL_PROVEN.signed, n.verified],
      [BILL_PROVEN.bounds, n.dated],
      [BILL_PROVEN.chain, n.anchored],
      [BILL_PROVEN.between, n.followed],
      [BILL_PROVEN.publishers, n.publishers],
    ]),
    stated: listScopes([
      [BILL_STATED.chain, n.cuts - n.anchored],
      [BILL_STATED.between, n.cuts - n.followed],
      [BILL_STATED.bounds, n.cuts - n.dated],
      [BILL_STATED.completeness, STATED_NUMBERS - n.publishers],
      [BILL_STATED.issuer, 1 - n.verified],
    ]),
    anchored: listScopes([
      [BILL_ANCHORED.heads, n.held],
      [BILL_ANCHORED.replay, n.replayed],
    ]),
  };
}

function sayChecked(n: Counts): Pick<BillReport, 'checked' | 'not_checked'> {
  return {
    checked: listScopes([
      [BILL_CHECKED.lines, n.lines + 1],
      [BILL_CHECKED.cuts, n.cuts],
      [BILL_CHECKED.after, n.linked],
      [BILL_CHECKED.bounds, n.dated],
      [BILL_CHECKED.signature, n.verified],
      [BILL_CHECKED.heads, n.heads],
      [BILL_CHECKED.replay, n.replayEntries],
      [BILL_CHECKED.publishers, n.publishers],
    ]),
    not_checked: listScopes([
      [BILL_NOT_CHECKED.signature, n.unverified],
      [BILL_NOT_CHECKED.bounds, n.undated],
      [BILL_NOT_CHECKED.others, n.otherCuts],
      [BILL_NOT_CHECKED.cuts, n.cuts - n.anchored],
      [BILL_NOT_CHECKED.after, n.notFollowed],
      [BILL_NOT_CHECKED.completeness, STATED_NUMBERS - n.publishers],
      [BILL_NOT_CHECKED.heads, n.unmetHeads],
      [BILL_NOT_CHECKED.watermark, n.watermark],
      [BILL_NOT_CHECKED.anchors, n.otherAnchors],
    ]),
  };
}

/** Never a bare `ok` for a bill that nothing outside of it confirms. */
function summaryOf(anchored: number, cuts: number): string {
  if (anchored === cuts) return 'ok';
  return anchored === 0 ? 'ok, unanchored' : `ok, ${anchored} of ${cuts} cuts anchored`;
}
