/**
 * The `verify/` room: whether the ledger is what it claims to be. The chains, the LEDGER stream that holds them, and
 * AUDIT that they are made from. It reads and compares; it never writes, never repairs, and never uses a fast path of
 * what it verifies.
 *
 * This file verifies a whole ledger, or one organization's part of it.
 */
import { type JetStreamManager, jetstreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/nats-core';
import {
  type Acknowledgements,
  type AnyEventDefinition,
  createAcknowledgements,
  type Expectation,
  type ReceiptKeys,
} from '@waybill/schema';
import { createDataCheck, parseLedgerSubject, SYSTEM_CHAIN } from '@waybill/schema/internal';
import { checkOptions, type KnownOptions } from '../check-options.ts';
import { checkWait } from '../check-period.ts';
import type { Settings } from '../settings.ts';
import { erasUpTo } from '../audit/eras.ts';
import { checkChainName } from '../ledger/chain-name.ts';
import { chainRange } from '../ledger/chain-range.ts';
import { mergeInOrder } from '../nats/merge-ranges.ts';
import { readRange, type StreamRange } from '../nats/read-range.ts';
import { lastSeqOf } from '../nats/stream-item.ts';
import { MAX_LISTED_PROBLEMS } from './audit-report.ts';
import { compareAudit } from './compare-audit.ts';
import { type LedgerReport, ledgerReport } from './ledger-report.ts';
import { checkSignersGiven } from './receipt-keys.ts';
import { findScope, type VerificationScope } from './verification-scope.ts';
import { type AuditCheck, createAuditCheck } from './verify-audit.ts';
import { type BlockVerifier, createBlockVerifier } from './verify-blocks.ts';

export interface VerifyLedgerOptions {
  /** Only this organization's chain, and `_system`. Default: every chain. */
  readonly orgid?: string;
  /** Somebody else owns the stream of events, as for the consumer. Without it, a ledger with epochs is `tampered`. */
  readonly bind?: boolean;
  /** With `orgid`: the entry to start at. */
  readonly fromSeq?: number;
  /** Heads that the caller holds, by organization. */
  readonly expect?: ReadonlyMap<string, readonly Expectation[]>;
  /** How long to wait for a ledger that is behind AUDIT. Default: 5,000. */
  readonly waitMs?: number;
  /** The same as for the consumer, when it has event types of its own. */
  readonly events?: readonly AnyEventDefinition[];
  /** Checks receipts with these keys (`createReceiptKeys`), and adds `receipts` to the chains' reports. */
  readonly receiptKeys?: ReceiptKeys;
  /** With `receiptKeys`: an event without a valid signature by one of these keys makes the verdict `tampered`. */
  readonly requireSigned?: boolean;
  readonly onProgress?: (progress: VerifyProgress) => void;
}

export interface VerifyProgress {
  readonly phase: 'ledger' | 'audit';
  /** Sequence numbers of that stream. */
  readonly done: number;
  readonly total: number;
}

const OPTIONS: KnownOptions<VerifyLedgerOptions> = {
  orgid: true,
  bind: true,
  fromSeq: true,
  expect: true,
  waitMs: true,
  events: true,
  receiptKeys: true,
  requireSigned: true,
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
  const { orgid, bind = false, fromSeq = 1 } = options;
  if (orgid !== undefined) checkChainName('orgid', orgid);
  checkSignersGiven('verifyLedger', options);
  const waitMs = checkWait('verifyLedger: waitMs', options.waitMs ?? 5_000);
  const jsm = await jetstreamManager(nc, { checkAPI: false });
  const run: Run = { nc, jsm, settings, options };

  const scope = await findScope(jsm, settings, { bind, orgid, fromSeq, waitMs });
  const check = auditCheck(run, scope);
  const acknowledgements = createAcknowledgements();
  const blocks = blockVerifier(options, { check, acknowledgements });
  const problems = await verifyBlocks(run, scope, blocks);
  const watermark = Math.max(blocks.watermark, scope.watermark);
  const overclaim = describeOverclaim(watermark, scope);
  if (overclaim !== null && !bind) problems.push(overclaim);
  // Only now it is known up to where AUDIT has to be read: entries may be made from messages that came meanwhile.
  const eras = erasUpTo(scope.eras, Math.max(scope.auditEnd, check.highest));
  const comparison = await compareAudit({
    nc,
    jsm,
    settings,
    check,
    eras,
    orgid,
    watermark,
    auditEnd: scope.auditEnd,
    onProgress: (done, total) => options.onProgress?.({ phase: 'audit', done, total }),
  });
  return ledgerReport({
    scope: { ...scope, eras },
    blocks,
    check,
    comparison,
    watermark,
    problems,
    claimsTooMuch: overclaim !== null,
  });
}

interface Run {
  readonly nc: NatsConnection;
  readonly jsm: JetStreamManager;
  readonly settings: Settings;
  readonly options: VerifyLedgerOptions;
}

function auditCheck({ settings, options }: Run, { eras, start }: VerificationScope): AuditCheck {
  const { orgid, bind = false, events } = options;
  return createAuditCheck({
    stream: settings.auditStream,
    subjectPrefix: settings.auditPrefix,
    controlPrefix: settings.controlPrefix,
    eras,
    bind,
    isCut: start.auditSeq > 1,
    checkData: createDataCheck(events),
    ...(orgid !== undefined && { orgid }),
  });
}

function blockVerifier(
  options: VerifyLedgerOptions,
  { check, acknowledgements }: { check: AuditCheck; acknowledgements: Acknowledgements },
): BlockVerifier {
  const { orgid, fromSeq, expect = [], receiptKeys, requireSigned = false } = options;
  return createBlockVerifier({
    ...(orgid !== undefined && { only: new Set([orgid, SYSTEM_CHAIN]) }),
    ...(fromSeq !== undefined && { fromSeq }),
    expect: new Map([...(orgid === undefined ? [] : [[orgid, []] as const]), ...expect]),
    onEntry(verified) {
      acknowledgements.add(verified.entry);
      return check.addEntry(verified);
    },
    acknowledgements,
    requireSigned,
    ...(receiptKeys && { receiptKeys }),
  });
}

/** Hands all blocks to the verifier. @returns what is wrong with the stream as such */
async function verifyBlocks(
  { nc, jsm, settings, options }: Run,
  { start, ledgerEnd: to }: VerificationScope,
  blocks: BlockVerifier,
): Promise<string[]> {
  const { ledgerStream: stream, ledgerPrefix } = settings;
  const problems: string[] = [];
  const ranges = rangesOf(settings, { orgid: options.orgid, from: start.ledgerSeq, to });
  for await (const item of mergeInOrder(ranges.map((range) => readRange(nc, jsm, range)))) {
    options.onProgress?.({ phase: 'ledger', done: lastSeqOf(item), total: to });
    if (item.kind === 'gap') {
      problems.push(`blocks ${item.first} to ${item.last} are missing in stream ${stream}`);
      continue;
    }
    const orgid = parseLedgerSubject(item.subject, ledgerPrefix);
    if (orgid === null)
      problems.push(`message ${item.seq} of stream ${stream} is on ${item.subject}, which is no chain's`);
    else blocks.push({ seq: item.seq, orgid, payload: item.payload });
  }
  return problems.slice(0, MAX_LISTED_PROBLEMS);
}

/** The whole ledger stream; or one chain's part of it from a sequence on, and all of `_system`. */
function rangesOf(
  settings: Settings,
  { orgid, from, to }: { orgid: string | undefined; from: number; to: number },
): StreamRange[] {
  if (orgid === undefined) return [{ stream: settings.ledgerStream, from, to }];
  const system = chainRange(settings, { orgid: SYSTEM_CHAIN, from: 1, to });
  return orgid === SYSTEM_CHAIN ? [system] : [system, chainRange(settings, { orgid, from, to })];
}

/** What is wrong when a block claims more of AUDIT than there is; null when none does. */
function describeOverclaim(watermark: number, { settings, eras }: VerificationScope): string | null {
  const newest = eras.at(-1);
  if (!newest || watermark <= newest.last) return null;
  const [claimed, last] = [watermark - newest.base, newest.last - newest.base];
  return `a block claims ${settings.auditStream} up to message ${claimed}, and it ends at ${last}`;
}
