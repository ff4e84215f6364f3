/**
 * The `verify/` room: whether the ledger is what it claims to be. The chains, the LEDGER stream that holds them, and AUDIT that
 * they are made from. It reads and compares; it never writes, never repairs, and never uses a fast path of what it verifies.
 *
 * This file runs the verification of a whole ledger, and puts the report together.
 */
import { type JetStreamManager, jetstreamManager, type StreamInfo } from '@nats-io/jetstream';
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
import { checkOptions } from '../check-options.ts';
import { checkWait } from '../check-period.ts';
import { ConsumerError, type ConsumerErrorCode } from '../errors.ts';
import type { Settings } from '../settings.ts';
import { type Epoch, isStreamOf, NO_EPOCH, readEpoch } from '../audit/epoch.ts';
import { type Era, erasFrom, erasUpTo, readEras } from '../audit/eras.ts';
import { readWatermark } from '../audit/finality.ts';
import { checkChainName } from '../ledger/chain-name.ts';
import { chainRange } from '../ledger/chain-range.ts';
import { entryAt, findBlock } from '../ledger/find-block.ts';
import { mergeInOrder } from '../nats/merge-ranges.ts';
import { explain } from '../nats/nats-error.ts';
import { readRange, type StreamRange } from '../nats/read-range.ts';
import type { StreamItem } from '../nats/stream-item.ts';
import { AUDIT_CHECKED, AUDIT_NOT_CHECKED, type AuditProblem, type AuditScope, listScope } from './audit-report.ts';
import { compareAudit } from './compare-audit.ts';
import { createAuditCheck } from './verify-audit.ts';
import { type BlockVerifier, createBlockVerifier } from './verify-blocks.ts';

export interface VerifyLedgerOptions {
  /** Only this organization's chain, and `_system`. Default: every chain. */
  readonly orgid?: string;
  /** The stream of events is somebody else's, as for the consumer. Without it a ledger with epochs is `tampered`. */
  readonly bind?: boolean;
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
    /** Entries of earlier epochs of which the stream has no messages. The streams that they are made from are gone: the chains alone vouch for them. */
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
    /** What this comparison is about, and what it is not about; the chains say so of themselves. */
    readonly checked: readonly AuditScope[];
    readonly not_checked: readonly AuditScope[];
  };
}

const LISTED = 100;

const OPTIONS: KnownOptions<VerifyLedgerOptions> = {
  orgid: true,
  bind: true,
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
  const run: Run = { nc, jsm, settings, options };
  const bind = options.bind === true;
  const scene = await look(run, waitMs);
  const { eras, epoch } = scene;
  const check = createAuditCheck({
    stream: settings.auditStream,
    subjectPrefix: settings.auditPrefix,
    eras,
    bind,
    isCut: scene.start.auditSeq > 1,
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
  const problems = await readLedger(run, blocks, { from: scene.start.ledgerSeq, to: scene.ledgerLast });
  const watermark = Math.max(blocks.watermark, scene.watermark);
  const claim = claimBeyond(watermark, scene, settings);
  if (claim !== null && !bind) problems.push(claim);
  const read = erasUpTo(eras, Math.max(scene.seen, check.highest));
  const compared = await compareAudit({
    nc,
    jsm,
    settings,
    check,
    counts: check.counts,
    eras: read,
    orgid: options.orgid,
    watermark,
    seen: scene.seen,
    onProgress: (done, total) => options.onProgress?.({ phase: 'audit', done, total }),
  });
  const isUnknown = read.length === 0;
  if (isUnknown) check.counts.unknown = blocks.entries;
  const behind = isUnknown ? scene.messages : compared.behind;
  const chains = blocks.finish();
  const [oldest, newest] = [read[0], read.at(-1)];

  return {
    verdict: worst([
      ...chains.map(({ verdict }) => verdict),
      problems.length > 0 ? 'tampered' : 'ok',
      compared.verdict,
      // Somebody else's stream may have been restored without its end.
      behind > 0 || isUnknown || claim !== null ? 'incomplete' : 'ok',
    ]),
    chains,
    ledger: {
      stream: settings.ledgerStream,
      last_seq: scene.ledgerLast,
      entries: blocks.entries,
      watermark,
      problems,
    },
    audit: {
      stream: settings.auditStream,
      epoch: epoch.record?.epoch ?? 0,
      earlier: check.counts.earlier,
      from: oldest ? oldest.first - oldest.base : 0,
      to: newest ? newest.last - newest.base : 0,
      compared: check.counts.compared,
      behind,
      problems: compared.problems,
      problem_count: compared.count,
      checked: listScope(AUDIT_CHECKED, check.counts),
      not_checked: listScope(AUDIT_NOT_CHECKED, check.counts),
    },
  };
}

interface Run {
  readonly nc: NatsConnection;
  readonly jsm: JetStreamManager;
  readonly settings: Settings;
  readonly options: VerifyLedgerOptions;
}

/** Where the two streams begin and end for this verification. */
interface Scene {
  /** Empty: the stream is another one than the ledger was made from, and there is nothing to compare with. */
  readonly eras: readonly Era[];
  readonly epoch: Epoch;
  /** AUDIT's end when verification began, as the ledger numbers it; and how many messages it has. */
  readonly seen: number;
  readonly messages: number;
  /** The ledger's end, after that, and what its newest block claimed before. */
  readonly ledgerLast: number;
  readonly watermark: number;
  readonly start: { readonly ledgerSeq: number; readonly auditSeq: number };
}

/** In this order: the ledger knows all of `seen`, unless it is behind; and AUDIT has all that the ledger is made from. */
async function look({ jsm, settings, options }: Run, waitMs: number): Promise<Scene> {
  const { auditStream, ledgerStream } = settings;
  const bind = options.bind === true;
  const stream = await info(jsm, auditStream);
  await waitForLedger(jsm, settings, { stream, waitMs, bind });
  const watermark = await orNothing(readWatermark(jsm, settings), 0);
  const ledgerLast = (await info(jsm, ledgerStream)).state.last_seq;
  const start = await startOf(jsm, settings, options);
  const epoch = await epochOf(jsm, settings, bind);
  const { state } = await info(jsm, auditStream);
  const isKnown = isStreamOf(epoch, auditStream, stream);
  const stretch = { first: state.first_seq, last: state.last_seq };
  const eras = isKnown ? await orNothing(readEras(jsm, settings, { epoch, stretch }), null) : null;
  return {
    eras: eras ? erasFrom(eras, start.auditSeq) : [],
    epoch,
    seen: epoch.base + stream.state.last_seq,
    messages: stream.state.messages,
    ledgerLast,
    watermark,
    start,
  };
}

function claimBeyond(watermark: number, { eras }: Scene, { auditStream }: Settings): string | null {
  const newest = eras.at(-1);
  if (!newest || watermark <= newest.last) return null;
  const [claimed, last] = [watermark - newest.base, newest.last - newest.base];
  return `a block claims ${auditStream} up to message ${claimed}, and it ends at ${last}`;
}

/** @returns what is wrong with the stream as such */
async function readLedger(
  { nc, jsm, settings, options }: Run,
  blocks: BlockVerifier,
  { from, to }: { from: number; to: number },
): Promise<string[]> {
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

/** Where to begin in the two streams: at their beginnings, or at the entry that the caller names. */
async function startOf(
  jsm: JetStreamManager,
  settings: Settings,
  options: VerifyLedgerOptions,
): Promise<{ ledgerSeq: number; auditSeq: number }> {
  const { orgid, fromSeq = 1 } = options;
  if (orgid === undefined || fromSeq <= 1) return { ledgerSeq: 1, auditSeq: 1 };
  const block = await findBlock(jsm, settings, orgid, { holds: ({ core }) => core.seq <= fromSeq });
  if (!block) return { ledgerSeq: 1, auditSeq: 1 };
  // A chain that ends before it has nothing more to compare.
  const seq = Math.min(fromSeq, block.trailer.last);
  const { core } = entryAt(settings, block, seq - block.trailer.first);
  // From the entry after it: whether a time was moved up shows only from the entry before.
  return { ledgerSeq: block.streamSeq, auditSeq: core.source.seq + 1 };
}

async function waitForLedger(
  jsm: JetStreamManager,
  settings: Settings,
  { stream, waitMs, bind }: { stream: StreamInfo; waitMs: number; bind: boolean },
): Promise<void> {
  const deadline = Date.now() + waitMs;
  const isThere = async (): Promise<boolean> => {
    const epoch = await epochOf(jsm, settings, bind);
    if (!isStreamOf(epoch, settings.auditStream, stream)) return false;
    const last = epoch.base + stream.state.last_seq;
    // A newest block that cannot be read is for the report, not for here.
    return Math.max(await orNothing(readWatermark(jsm, settings), last), epoch.start) >= last;
  };
  while (!(await isThere()) && Date.now() < deadline) await pause(100);
}

/** A stream of our own has no epochs, whatever is recorded. */
async function epochOf(jsm: JetStreamManager, settings: Settings, bind: boolean): Promise<Epoch> {
  return bind ? orNothing(readEpoch(jsm, settings), NO_EPOCH) : NO_EPOCH;
}

/** As far as it can be read: what cannot is for the report. */
async function orNothing<T>(reading: Promise<T>, nothing: T): Promise<T> {
  return reading.catch((error: unknown) => {
    const isOfLedger = error instanceof ConsumerError && UNREADABLE.has(error.code);
    if (isOfLedger) return nothing;
    throw error;
  });
}

const UNREADABLE: ReadonlySet<ConsumerErrorCode> = new Set(['LEDGER_DAMAGED', 'NEWER_LEDGER']);

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
