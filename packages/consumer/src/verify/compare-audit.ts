/**
 * Reads AUDIT in order, hands each message to the check (verify-audit.ts), and explains the claims that no message met.
 */
import type { JetStreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/nats-core';
import { SYSTEM_CHAIN } from '@waybill/schema/internal';
import type { Settings } from '../settings.ts';
import { type Era, toLedger, toStream } from '../audit/eras.ts';
import { getNextMessage } from '../nats/leader-get.ts';
import { mergeInOrder } from '../nats/merge-ranges.ts';
import { readRange, type StreamRange } from '../nats/read-range.ts';
import { readStreamInfo } from '../nats/stream-info.ts';
import { lastSeqOf, type StreamItem } from '../nats/stream-item.ts';
import { type AuditFindings, createAuditFindings } from './audit-findings.ts';
import type { Unmet } from './unmet-claims.ts';
import type { AuditCheck } from './verify-audit.ts';

export interface ComparisonOptions {
  readonly nc: NatsConnection;
  readonly jsm: JetStreamManager;
  readonly settings: Settings;
  readonly check: AuditCheck;
  /** What is read, ascending. These numbers, and all below, are the ledger's. */
  readonly eras: readonly Era[];
  readonly orgid?: string | undefined;
  /** The ledger claims to have every message up to here. */
  readonly watermark: number;
  /** The end of AUDIT when verification began. A message after it that is in no chain may be on its way. */
  readonly auditEnd: number;
  readonly onProgress: (done: number, total: number) => void;
}

export interface Comparison {
  readonly findings: AuditFindings;
  /** Messages after the watermark, up to `auditEnd`, that are in no chain. */
  readonly behind: number;
}

export async function compareAudit(options: ComparisonOptions): Promise<Comparison> {
  const { check, eras, orgid, watermark, auditEnd } = options;
  const findings = createAuditFindings(eras);
  let behind = 0;

  function addUnaccounted(gap: { first: number; last: number }): void {
    if (orgid !== undefined) return;
    const seq = check.unaccounted({ first: gap.first, last: Math.min(gap.last, watermark) });
    if (seq !== null) findings.add({ seq, kind: 'not_chained', verdict: 'incomplete', detail: NOWHERE });
  }

  // Messages before an era have expired or went with an earlier stream. The chains must have had them.
  for (const [i, era] of eras.entries()) addUnaccounted({ first: (eras[i - 1]?.last ?? 0) + 1, last: era.first - 1 });
  for await (const item of messagesOf(options)) {
    if (item.kind === 'gap') {
      addUnaccounted(item);
      continue;
    }
    for (const problem of check.compare(item)) {
      if (problem.kind !== 'not_chained' || problem.seq <= watermark) findings.add(problem);
      else if (problem.seq <= auditEnd) behind++;
    }
  }
  await addUnmet(options, findings);
  return { findings, behind };
}

const NOWHERE = 'it is gone from the stream, and no chain knows of it';

/** Whether all subjects of AUDIT are read. */
function readsAll({ orgid }: ComparisonOptions): boolean {
  return orgid === undefined || orgid === SYSTEM_CHAIN;
}

async function* messagesOf(options: ComparisonOptions): AsyncGenerator<StreamItem> {
  const { nc, jsm, settings, check, eras, orgid } = options;
  const { auditStream: stream, auditPrefix, controlPrefix } = settings;
  const [oldest, newest] = [eras[0], eras.at(-1)];
  if (!oldest || !newest) return;
  const [from, to] = [oldest.first - oldest.base, newest.last - newest.base];
  // Chainloop's subjects do not name the organization.
  const subjects = readsAll(options)
    ? [undefined]
    : [`${auditPrefix}.*.*.${orgid}`, `${auditPrefix}.*.*`, `${controlPrefix}.*.${orgid}`];
  // Where an entry is made from a message, a replica that has none lags or has lost it: then the leader is asked.
  const follows: StreamRange['follows'] = ({ seq, received }, before) => {
    const between = { kind: 'gap', first: (before?.seq ?? from - 1) + 1, last: seq - 1, received } as const;
    return !toLedger(between, eras).some((gap) => gap.kind === 'gap' && check.expectsMessage(gap));
  };
  const ranges = subjects.map((subject) =>
    readRange(nc, jsm, { stream, from, to, ...(subject !== undefined && { subject, follows }) }),
  );
  for await (const own of mergeInOrder(ranges)) {
    options.onProgress(lastSeqOf(own), to);
    yield* toLedger(own, eras);
  }
}

/** Adds what is wrong with claims that no message met: the message is gone from the stream, or there never was one. */
async function addUnmet(options: ComparisonOptions, findings: AuditFindings): Promise<void> {
  const { check, eras } = options;
  const unmet = check.finish(eras.at(-1)?.last ?? 0);
  const { beyond } = check;
  if (beyond) {
    const detail = `an entry is made from it, and the stream ends before it${andMore(beyond.count)}`;
    findings.add({ seq: beyond.first, kind: 'unbacked', verdict: 'incomplete', detail }, beyond.count - 1);
  }
  if (unmet.length === 0) return;
  const firstNow = await firstNumber(options);
  for (const one of unmet) {
    const isGone = !one.hasMessage && (readsAll(options) || (await areGone(options, one)));
    if (!isGone) addUnbacked(one, findings);
    // It expired while this was read.
    else if (one.last < firstNow) check.counts.expired += one.count;
    else addGone(one, check, findings);
  }
}

/** No message was ever there. */
function addUnbacked({ first, firstBad, count }: Unmet, findings: AuditFindings): void {
  const detail = `an entry is made from it, and there is no such event in the stream${andMore(count)}`;
  findings.add({ seq: firstBad === 0 ? first : firstBad, kind: 'unbacked', verdict: 'tampered', detail }, count - 1);
}

/** The messages are gone from the middle of the stream. Erasure may explain it for erased entries. */
function addGone({ firstBad, last, count, erased }: Unmet, { counts }: AuditCheck, findings: AuditFindings): void {
  counts.gone += erased;
  const lost = count - erased;
  if (lost === 0) return;
  const others = lost === 1 ? '' : `, and so are ${lost - 1} more up to ${last}`;
  const detail = `it is gone from the stream${others}: the chains alone have it`;
  findings.add({ seq: firstBad, kind: 'unbacked', verdict: 'incomplete', detail });
}

function andMore(count: number): string {
  return count === 1 ? '' : `; so it is with ${count - 1} more`;
}

/**
 * Where only some subjects were read: whether the stream has no message for these claims, by the word of its leader.
 */
async function areGone({ jsm, settings, check, eras }: ComparisonOptions, unmet: Unmet): Promise<boolean> {
  let emptyBefore = 0;
  for (const number of check.numbersOf(unmet)) {
    if (number < emptyBefore) continue;
    const seq = toStream(number, eras);
    const next = (await getNextMessage(jsm, settings.auditStream, { seq }))?.seq ?? null;
    if (next === seq) return false;
    if (next === null) return true;
    emptyBefore = number + (next - seq);
  }
  return true;
}

/** The first number that the stream has now. */
async function firstNumber({ jsm, settings, eras }: ComparisonOptions): Promise<number> {
  const { state } = await readStreamInfo(jsm, settings.auditStream);
  const era = eras.find(({ base, last }) => base + state.first_seq <= last) ?? eras.at(-1);
  return (era?.base ?? 0) + state.first_seq;
}
