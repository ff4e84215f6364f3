/** Reads AUDIT in order, hands each message to the check (verify-audit.ts), and finds out about entries that none came for. */
import type { JetStreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/nats-core';
import { SYSTEM_CHAIN, type Verdict } from '@waybill/schema';
import type { Settings } from '../settings.ts';
import { type Era, toLedger, toStream } from '../audit/eras.ts';
import { mergeInOrder } from '../nats/merge-ranges.ts';
import { explain } from '../nats/nats-error.ts';
import { readRange, type StreamRange } from '../nats/read-range.ts';
import type { StreamItem } from '../nats/stream-item.ts';
import type { AuditCounts, AuditProblem } from './audit-report.ts';
import type { AuditCheck, Unmet } from './verify-audit.ts';

export interface AuditRun {
  readonly nc: NatsConnection;
  readonly jsm: JetStreamManager;
  readonly settings: Settings;
  readonly check: AuditCheck;
  readonly counts: AuditCounts;
  /** What is read, ascending. Numbers are the ledger's, as all that follow. */
  readonly eras: readonly Era[];
  readonly orgid?: string | undefined;
  /** Every message up to here is in the ledger, it says. */
  readonly watermark: number;
  /** The end of AUDIT when verification began: what is after it and in no chain may be on its way. */
  readonly seen: number;
  readonly onProgress: (done: number, total: number) => void;
}

export interface Comparison {
  readonly verdict: Verdict;
  readonly behind: number;
  /** With the stream's own numbers. */
  readonly problems: readonly AuditProblem[];
  readonly count: number;
}

const LISTED = 100;

export async function compareAudit(run: AuditRun): Promise<Comparison> {
  const { check, eras, orgid, watermark, seen } = run;
  const found = createFindings(eras);
  let behind = 0;
  const isAll = orgid === undefined || orgid === SYSTEM_CHAIN;

  function noteMissing(gap: { first: number; last: number }): void {
    if (orgid !== undefined) return;
    const seq = check.unaccounted({ first: gap.first, last: Math.min(gap.last, watermark) });
    if (seq !== null) found.note({ seq, kind: 'not_chained', verdict: 'incomplete', detail: NOWHERE });
  }

  // What is gone at the beginning was pruned: `from` says so.
  for (const [i, era] of eras.entries()) noteMissing({ first: (eras[i - 1]?.last ?? 0) + 1, last: era.first - 1 });
  for await (const item of messagesOf(run, isAll)) {
    if (item.kind === 'gap') {
      noteMissing(item);
      continue;
    }
    for (const problem of check.compare(item)) {
      if (problem.kind !== 'not_chained' || problem.seq <= watermark) found.note(problem);
      else if (problem.seq <= seen) behind++;
    }
  }
  await noteUnmet(run, found, isAll);
  return { ...found.read(), behind };
}

const NOWHERE = 'it is gone from the stream, and no chain knows of it';

function createFindings(eras: readonly Era[]) {
  const problems: AuditProblem[] = [];
  let count = 0;
  let verdict: Verdict = 'ok';
  return {
    /** @param more further problems of this kind, which it stands for */
    note(problem: AuditProblem, more = 0): void {
      count += 1 + more;
      if (verdict !== 'tampered') ({ verdict } = problem);
      const isWorse = problem.verdict === 'tampered';
      if (problems.length >= LISTED) {
        // Those that decide are listed before all others.
        const least = isWorse ? problems.findLastIndex((one) => one.verdict !== 'tampered') : -1;
        if (least < 0) return;
        problems.splice(least, 1);
      }
      problems.push({ ...problem, seq: toStream(problem.seq, eras) });
    },
    read: () => ({ verdict, count, problems }),
  };
}

async function* messagesOf(run: AuditRun, isAll: boolean): AsyncGenerator<StreamItem> {
  const { nc, jsm, settings, check, eras, orgid } = run;
  const { auditStream: stream, auditPrefix } = settings;
  const [oldest, newest] = [eras[0], eras.at(-1)];
  if (!oldest || !newest) return;
  const [from, to] = [oldest.first - oldest.base, newest.last - newest.base];
  // Chainloop's subjects do not name the organization.
  const subjects = isAll ? [undefined] : [`${auditPrefix}.*.*.${orgid}`, `${auditPrefix}.*.*`];
  // A replica that lags, or has lost a message, has none where an entry is made from one: then the leader is asked.
  const follows: StreamRange['follows'] = ({ seq, received }, before) => {
    const between = { kind: 'gap', first: (before?.seq ?? from - 1) + 1, last: seq - 1, received } as const;
    return !toLedger(between, eras).some((gap) => gap.kind === 'gap' && check.expects(gap));
  };
  const ranges = subjects.map((subject) =>
    readRange(nc, jsm, { stream, from, to, ...(subject !== undefined && { subject, follows }) }),
  );
  for await (const own of mergeInOrder(ranges)) {
    run.onProgress(own.kind === 'gap' ? own.last : own.seq, to);
    yield* toLedger(own, eras);
  }
}

type Findings = ReturnType<typeof createFindings>;

/** Entries without a message: it is gone from the stream, or there never was one. */
async function noteUnmet(run: AuditRun, found: Findings, isAll: boolean): Promise<void> {
  const { check, eras, counts } = run;
  const unmet = check.finish(eras.at(-1)?.last ?? 0);
  const { beyond } = check;
  if (beyond) {
    const detail = `an entry is made from it, and the stream ends before it${andMore(beyond.count)}`;
    found.note({ seq: beyond.first, kind: 'unbacked', verdict: 'incomplete', detail }, beyond.count - 1);
  }
  if (unmet.length === 0) return;
  const firstNow = await firstOf(run);
  for (const one of unmet) {
    const isGone = !one.isThere && (isAll || (await areGone(run, one)));
    if (!isGone) noteUnbacked(one, found);
    // It expired while this was read.
    else if (one.last < firstNow) counts.expired += one.count;
    else noteLost(one, run, found);
  }
}

function noteUnbacked({ first, firstBad, count }: Unmet, found: Findings): void {
  const detail = `an entry is made from it, and there is no such event in the stream${andMore(count)}`;
  found.note({ seq: firstBad === 0 ? first : firstBad, kind: 'unbacked', verdict: 'tampered', detail }, count - 1);
}

function noteLost({ firstBad, last, count, erased }: Unmet, { counts }: AuditRun, found: Findings): void {
  counts.gone += erased;
  const lost = count - erased;
  if (lost === 0) return;
  const others = lost === 1 ? '' : `, and so are ${lost - 1} more up to ${last}`;
  const detail = `it is gone from the stream${others}: the chains alone have it`;
  found.note({ seq: firstBad, kind: 'unbacked', verdict: 'incomplete', detail });
}

function andMore(count: number): string {
  return count === 1 ? '' : `; so it is with ${count - 1} more`;
}

/** Where only some subjects were read: whether there is no message at all for these entries, by the word of the stream's leader. */
async function areGone({ jsm, settings, check, eras }: AuditRun, unmet: Unmet): Promise<boolean> {
  let emptyBefore = 0;
  for (const number of check.numbersOf(unmet)) {
    if (number < emptyBefore) continue;
    const seq = toStream(number, eras);
    const next = await nextMessage(jsm, settings.auditStream, seq);
    if (next === seq) return false;
    if (next === null) return true;
    emptyBefore = number + (next - seq);
  }
  return true;
}

async function nextMessage(jsm: JetStreamManager, stream: string, seq: number): Promise<number | null> {
  try {
    // The client's type leaves out `next_by_subj`, which the server has had since 2.9.
    const query = { seq, next_by_subj: '>' } as { seq: number };
    return (await jsm.streams.getMessage(stream, query))?.seq ?? null;
  } catch (cause) {
    throw explain(cause, `read stream ${stream} from sequence ${seq} on`);
  }
}

/** The first number that the stream has now. */
async function firstOf({ jsm, settings, eras }: AuditRun): Promise<number> {
  const { auditStream: stream } = settings;
  try {
    const { state } = await jsm.streams.info(stream);
    const era = eras.find(({ base, last }) => base + state.first_seq <= last) ?? eras.at(-1);
    return (era?.base ?? 0) + state.first_seq;
  } catch (cause) {
    throw explain(cause, `look at stream ${stream}`);
  }
}
