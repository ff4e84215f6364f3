/** Verification of everything: the chains, the LEDGER stream that they are stored in, and AUDIT that they are made from. */
import {
  type JetStreamManager,
  jetstreamManager,
  RetentionPolicy,
  type StreamConfig,
  type StreamInfo,
} from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/nats-core';
import {
  type AnyEventDefinition,
  type ChainReport,
  createDataCheck,
  type Expectation,
  type KnownOptions,
  parseLedgerSubject,
  type ReceiptKeys,
  SYSTEM_CHAIN,
  type Verdict,
  VERDICTS,
} from '@waybill/schema';
import { setTimeout as pause } from 'node:timers/promises';
import { checkChainName } from './chain-name.ts';
import { chainRange } from './chain-range.ts';
import { checkOptions } from './check-options.ts';
import { checkWait } from './duration.ts';
import { type Epoch, isStreamOf, NO_EPOCH, readEpoch, shiftItem } from './epoch.ts';
import { ConsumerError } from './errors.ts';
import { entryAt, findBlock } from './find-block.ts';
import { readWatermark } from './finality.ts';
import { mergeInOrder } from './merge-ranges.ts';
import { explain } from './nats-error.ts';
import { readRange, type StreamRange } from './read-range.ts';
import type { StreamItem } from './reader.ts';
import type { Settings } from './settings.ts';
import { type AuditCheck, type AuditProblem, createAuditCheck } from './verify-audit.ts';
import { type BlockVerifier, createBlockVerifier } from './verify-blocks.ts';

export interface VerifyLedgerOptions {
  /** Only this organization's chain, and `_system`. Default: every chain. */
  readonly orgid?: string;
  /** With `orgid`: the entry to start at. */
  readonly fromSeq?: number;
  /** Heads that the caller holds, by organization. */
  readonly expect?: ReadonlyMap<string, readonly Expectation[]>;
  /** How long to wait for a ledger that is behind AUDIT. Default: 5,000. */
  readonly waitMs?: number;
  /** As given to the consumer, when it has event types of its own. */
  readonly events?: readonly AnyEventDefinition[];
  /** Checks receipts (`createReceiptKeys`), and adds `receipts` to the chains' reports. */
  readonly receiptKeys?: ReceiptKeys;
  readonly onProgress?: (progress: VerifyProgress) => void;
}

export interface VerifyProgress {
  readonly phase: 'ledger' | 'audit';
  /** Sequence numbers of that stream. */
  readonly done: number;
  readonly total: number;
}

export interface LedgerReport {
  /** The worst of all that follows. */
  readonly verdict: Verdict;
  /** Sorted by organization, `_system` last. */
  readonly chains: readonly ChainReport[];
  readonly ledger: {
    readonly stream: string;
    readonly last_seq: number;
    readonly entries: number;
    /** Every AUDIT message up to this sequence is in the ledger, it says. */
    readonly watermark: number;
    /** What is wrong with the stream as such: each makes the verdict `tampered`. */
    readonly problems: readonly string[];
  };
  readonly audit: {
    readonly stream: string;
    /** Of a stream of somebody else: which epoch of the ledger it is; 0 with a stream of our own. */
    readonly epoch: number;
    /** Entries of earlier epochs. The streams that they are made from are gone: the chains alone vouch for them. */
    readonly earlier: number;
    /** The first and last sequence that was compared. Earlier events have expired: the chains alone vouch for them. */
    readonly from: number;
    readonly to: number;
    readonly compared: number;
    /** Messages after the watermark that are in no chain yet. */
    readonly behind: number;
    /** At most 100 of them. */
    readonly problems: readonly AuditProblem[];
    readonly problem_count: number;
  };
}

const LISTED = 100;

const OPTIONS: KnownOptions<VerifyLedgerOptions> = {
  orgid: true,
  fromSeq: true,
  expect: true,
  waitMs: true,
  events: true,
  receiptKeys: true,
  onProgress: true,
};

/**
 * @returns a report, whatever is found
 * @throws ConsumerError BAD_ARGUMENT; when the streams cannot be read: NO_STREAM, NO_PERMISSION, NO_ANSWER …
 */
export async function verifyLedger(
  nc: NatsConnection,
  settings: Settings,
  options: VerifyLedgerOptions = {},
): Promise<LedgerReport> {
  checkOptions('verifyLedger', options, OPTIONS);
  if (options.orgid !== undefined) checkChainName('orgid', options.orgid);
  const waitMs = checkWait('verifyLedger: waitMs', options.waitMs ?? 5_000);
  const jsm = await jetstreamManager(nc, { checkAPI: false });
  const stream = await info(jsm, settings.auditStream);
  const audit = stream.state;
  // Only then the ledger, which therefore knows at least as much.
  await waitForLedger(jsm, settings, { stream, waitMs });
  const ledger = (await info(jsm, settings.ledgerStream)).state;
  const start = await startOf(jsm, settings, options);
  const epoch = await epochOf(jsm, settings);
  const { base } = epoch;
  /** Made anew, and the ledger does not know of it yet: there is nothing that its messages could be compared with. */
  const isUnknown = !isStreamOf(epoch, settings.auditStream, stream);

  const first = Math.max(base + audit.first_seq, start.auditSeq, epoch.start + 1);
  const check = createAuditCheck({
    stream: settings.auditStream,
    base,
    subjectPrefix: settings.auditPrefix,
    first,
    checkData: createDataCheck(options.events),
    ...(options.orgid !== undefined && { orgid: options.orgid }),
  });
  const blocks = createBlockVerifier({
    ...(options.orgid !== undefined && { only: new Set([options.orgid, SYSTEM_CHAIN]) }),
    ...(options.fromSeq !== undefined && { fromSeq: options.fromSeq }),
    expect: new Map([
      ...(options.orgid === undefined ? [] : [[options.orgid, []] as const]),
      ...(options.expect ?? []),
    ]),
    onEntry: check.takeEntry,
    ...(options.receiptKeys && { receiptKeys: options.receiptKeys }),
  });
  const run: Run = { nc, jsm, settings, options, blocks, check, base };
  const problems = await readLedger(run, { from: start.ledgerSeq, to: ledger.last_seq });
  const watermark =
    options.orgid === undefined ? blocks.watermark : await readWatermark(jsm, settings).catch(() => blocks.watermark);
  const { last_seq } = (await info(jsm, settings.auditStream)).state;
  if (!isUnknown && watermark > base + last_seq) {
    problems.push(
      `a block claims ${settings.auditStream} up to message ${watermark - base}, and it ends at ${last_seq}`,
    );
  }
  const to = isUnknown ? first - 1 : base + audit.last_seq;
  const compared = await readAudit(run, {
    from: first,
    to,
    watermark,
    // Its owner may delete what is chained.
    thinsOut: thinsOut(stream.config) || epoch.record !== null,
  });
  const behind = isUnknown ? audit.messages : compared.behind;
  const chains = blocks.finish();

  return {
    verdict: worst([
      ...chains.map(({ verdict }) => verdict),
      problems.length > 0 ? 'tampered' : 'ok',
      compared.verdict,
      behind > 0 ? 'incomplete' : 'ok',
    ]),
    chains,
    ledger: { stream: settings.ledgerStream, last_seq: ledger.last_seq, entries: blocks.entries, watermark, problems },
    audit: {
      stream: settings.auditStream,
      epoch: epoch.record?.epoch ?? 0,
      earlier: check.earlier,
      from: first - base,
      to: to - base,
      compared: check.compared,
      behind,
      problems: compared.problems,
      problem_count: compared.count,
    },
  };
}

interface Run {
  readonly nc: NatsConnection;
  readonly jsm: JetStreamManager;
  readonly settings: Settings;
  readonly options: VerifyLedgerOptions;
  readonly blocks: BlockVerifier;
  readonly check: AuditCheck;
  /** What is added to the numbers of AUDIT. */
  readonly base: number;
}

/** @returns what is wrong with the stream as such */
async function readLedger(run: Run, { from, to }: { from: number; to: number }): Promise<string[]> {
  const { nc, jsm, settings, options, blocks } = run;
  const { ledgerStream: stream, ledgerPrefix } = settings;
  const problems: string[] = [];
  const { orgid: only } = options;
  const ranges: StreamRange[] =
    only === undefined ? [{ stream, from, to }] : [chainRange(settings, { orgid: SYSTEM_CHAIN, from: 1, to })];
  if (only !== undefined && only !== SYSTEM_CHAIN) ranges.push(chainRange(settings, { orgid: only, from, to }));
  for await (const item of mergeInOrder(ranges.map((range) => readRange(nc, jsm, range)))) {
    options.onProgress?.({ phase: 'ledger', done: seqOf(item), total: to });
    if (item.kind === 'gap') {
      problems.push(`blocks ${item.first} to ${item.last} are missing in stream ${stream}`);
      continue;
    }
    const orgid = parseLedgerSubject(item.subject, ledgerPrefix);
    if (orgid === null)
      problems.push(`message ${item.seq} of stream ${stream} is on ${item.subject}, which is no chain's`);
    else blocks.push({ seq: item.seq, orgid, payload: item.payload });
  }
  return problems.slice(0, LISTED);
}

interface Comparison {
  readonly verdict: Verdict;
  readonly behind: number;
  readonly problems: AuditProblem[];
  readonly count: number;
}

/** Numbers are the ledger's; those in the problems the stream's own. */
async function readAudit(
  run: Run,
  { from, to, watermark, thinsOut }: { from: number; to: number; watermark: number; thinsOut: boolean },
): Promise<Comparison> {
  const { nc, jsm, settings, options, check, base } = run;
  const { auditStream: stream, auditPrefix } = settings;
  const problems: AuditProblem[] = [];
  let [count, behind] = [0, 0];
  let verdict: Verdict = 'ok';
  const note = (problem: AuditProblem | null): void => {
    if (!problem) return;
    if (problem.kind === 'not_chained' && problem.seq > watermark) {
      behind++;
      return;
    }
    count++;
    verdict = worst([verdict, problem.kind === 'altered' ? 'tampered' : 'incomplete']);
    const { seq } = problem;
    if (problems.length < LISTED) problems.push({ ...problem, seq: seq > base ? seq - base : seq });
  };
  const noteGap = (gap: { first: number; last: number }): void => {
    const seq = check.unaccounted({ first: gap.first, last: Math.min(gap.last, watermark) });
    if (seq !== null)
      note({ seq, kind: 'not_chained', detail: 'it is gone from the stream, and no chain knows of it' });
  };

  // What nothing in the stream's configuration removes was lost by a disk, or deleted by somebody.
  const noteLost = (gap: { first: number; last: number }): void => {
    const chained = check.chainedIn(gap);
    if (!chained) return;
    const others = chained.count === 1 ? '' : `, and so are ${chained.count - 1} more up to ${gap.last}`;
    const detail = `it is gone from the stream${others}: the chains alone have it`;
    note({ seq: chained.first, kind: 'lost', detail });
  };

  // What is gone at the beginning was pruned: `from` says so.
  if (options.orgid === undefined) noteGap({ first: 1, last: from - 1 });
  // Chainloop's subjects do not name the organization.
  const subjects =
    options.orgid === undefined ? [undefined] : [`${auditPrefix}.*.*.${options.orgid}`, `${auditPrefix}.*.*`];
  const ranges = subjects.map((subject) =>
    readRange(nc, jsm, { stream, from: from - base, to: to - base, ...(subject !== undefined && { subject }) }),
  );
  for await (const own of mergeInOrder(ranges)) {
    options.onProgress?.({ phase: 'audit', done: seqOf(own), total: to - base });
    const item = shiftItem(own, base);
    if (item.kind === 'message') {
      note(check.compare(item));
      continue;
    }
    noteGap(item);
    if (!thinsOut) noteLost(item);
  }
  return { verdict, behind, problems, count };
}

/** Whether a stream, by its configuration, removes messages elsewhere than at its beginning. */
function thinsOut(config: StreamConfig): boolean {
  return (
    config.max_msgs_per_subject > 0 || config.retention !== RetentionPolicy.Limits || config.allow_msg_ttl === true
  );
}

/** Where to begin in the two streams: at their beginnings, or at the entry that the caller names. */
async function startOf(
  jsm: JetStreamManager,
  settings: Settings,
  options: VerifyLedgerOptions,
): Promise<{ ledgerSeq: number; auditSeq: number }> {
  const { orgid, fromSeq = 1 } = options;
  if (orgid === undefined || fromSeq <= 1) return { ledgerSeq: 1, auditSeq: 1 };
  const block = await findBlock(jsm, settings, orgid, { holds: ({ core }) => core.seq <= fromSeq });
  if (!block || block.trailer.last < fromSeq) return { ledgerSeq: 1, auditSeq: 1 };
  const { core } = entryAt(settings, block, fromSeq - block.trailer.first);
  // From the entry after it: whether a time was moved up shows only from the entry before.
  return { ledgerSeq: block.streamSeq, auditSeq: core.source.seq + 1 };
}

async function waitForLedger(
  jsm: JetStreamManager,
  settings: Settings,
  { stream, waitMs }: { stream: StreamInfo; waitMs: number },
): Promise<void> {
  const deadline = Date.now() + waitMs;
  const isThere = async (): Promise<boolean> => {
    const epoch = await epochOf(jsm, settings);
    if (!isStreamOf(epoch, settings.auditStream, stream)) return false;
    const last = epoch.base + stream.state.last_seq;
    // A newest block that cannot be read is for the report, not for here.
    return Math.max(await readWatermark(jsm, settings).catch(() => last), epoch.start) >= last;
  };
  while (!(await isThere()) && Date.now() < deadline) await pause(100);
}

/** As far as it can be read: what cannot is for the report. */
async function epochOf(jsm: JetStreamManager, settings: Settings): Promise<Epoch> {
  return readEpoch(jsm, settings).catch((error: unknown) => {
    if (error instanceof ConsumerError && error.code === 'LEDGER_DAMAGED') return NO_EPOCH;
    throw error;
  });
}

async function info(jsm: JetStreamManager, stream: string): Promise<StreamInfo> {
  try {
    return await jsm.streams.info(stream);
  } catch (cause) {
    throw explain(cause, `look at stream ${stream}`);
  }
}

function seqOf(item: StreamItem): number {
  return item.kind === 'gap' ? item.last : item.seq;
}

function worst(verdicts: readonly Verdict[]): Verdict {
  // Not by spreading them: there is one for each chain, and arguments are on the stack.
  return VERDICTS.findLast((verdict) => verdicts.includes(verdict)) ?? VERDICTS[0];
}
