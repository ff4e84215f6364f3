/**
 * The `control/` room: what an operator says about the ledger. It publishes messages to AUDIT, on subjects that only
 * operators may publish. It never writes to LEDGER: the writer chains what was said, in the order in which it came, and
 * stays the only one who writes there.
 *
 * This file acknowledges losses: somebody knows why a chain lacks events of a publisher, and says so for exactly these
 * numbers. What is lost later is not covered.
 */
import { jetstream, type JetStreamManager, jetstreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/nats-core';
import {
  formatAcknowledgement,
  formatAcknowledgeSubject,
  isEventOrgid,
  MAX_BY_LENGTH,
  MAX_REASON_LENGTH,
  ORGID_PATTERN,
} from '@waybill/schema/internal';
import { checkOptions, type KnownOptions } from '../check-options.ts';
import { checkWait } from '../check-period.ts';
import { ConsumerError } from '../errors.ts';
import { pause } from '../pause.ts';
import type { Settings } from '../settings.ts';
import { nodeSha256 } from '../sha256.ts';
import { readEpoch } from '../audit/epoch.ts';
import { readWatermark } from '../ledger/ledger-end.ts';
import { readLosses } from '../ledger/losses.ts';
import { explain } from '../nats/nats-error.ts';
import { checkStored } from './control-subject.ts';
import { type Loss, nameOf, type PlannedLoss, planLosses } from './loss-plan.ts';

export interface AcknowledgeOptions {
  readonly orgid: string;
  /** What is known to be lost: all of it has to be missing, or open, in the chain. */
  readonly losses: readonly Loss[];
  /** Who says so: 1 to 256 UTF-16 units. */
  readonly by: string;
  /** What happened: 1 to 1,024 UTF-16 units. */
  readonly reason: string;
  /** Says nothing, and answers what it would say. Default: false. */
  readonly dryRun?: boolean;
  /** How long to wait until it is chained, in milliseconds. Default: 5,000. 0: not at all. */
  readonly waitMs?: number;
  /** Somebody else owns the stream of events, as for the consumer. Default: false. */
  readonly bind?: boolean;
}

export interface AcknowledgedLoss extends PlannedLoss {
  /** The message that acknowledges it, by its number in AUDIT; null when nothing was said. */
  readonly message: number | null;
}

const OPTIONS: KnownOptions<AcknowledgeOptions> = {
  orgid: true,
  losses: true,
  by: true,
  reason: true,
  dryRun: true,
  waitMs: true,
  bind: true,
};
const DEFAULT_WAIT_MS = 5_000;
const LOOK_MS = 50;

/**
 * Acknowledges losses of an organization's chain. What is acknowledged already is not said again, so doing it twice is
 * doing it once. When a named loss is none, nothing is said about any.
 *
 * @returns each loss in parts, in the order in which they were named
 * @throws ConsumerError NOT_LOST, BAD_ARGUMENT; STREAM_DRIFT when AUDIT does not take the subject; NOT_CHAINED when it
 *   is stored and not chained in time; NO_PERMISSION, NO_STREAM …
 */
export async function acknowledge(
  nc: NatsConnection,
  settings: Settings,
  options: AcknowledgeOptions,
): Promise<AcknowledgedLoss[]> {
  checkAcknowledgement(options);
  const { orgid, losses, dryRun = false, bind = false, waitMs = DEFAULT_WAIT_MS } = options;
  const jsm = await jetstreamManager(nc, { checkAPI: false });
  const planned = planLosses(orgid, await readLosses(nc, settings, orgid), losses);
  const subject = formatAcknowledgeSubject(orgid, settings.controlPrefix);
  await checkStored(jsm, settings, { subject, bind });
  const done: AcknowledgedLoss[] = [];
  for (const one of planned) {
    const message = dryRun || one.known ? null : await publish(nc, settings, { ...options, ...one, subject });
    done.push({ ...one, message });
  }
  const last = done.reduce((highest, { message }) => Math.max(highest, message ?? 0), 0);
  if (last > 0 && waitMs > 0) await untilChained(jsm, settings, { last, bind, waitMs });
  return done;
}

/** @throws ConsumerError BAD_ARGUMENT */
function checkAcknowledgement(options: AcknowledgeOptions): void {
  checkOptions('acknowledge', options, OPTIONS);
  const { orgid, losses, by, reason, waitMs = 0 } = options;
  if (!isEventOrgid(orgid)) throw bad('orgid', orgid, `${ORGID_PATTERN.source} or _unattributed`);
  checkText('by', by, MAX_BY_LENGTH);
  checkText('reason', reason, MAX_REASON_LENGTH);
  checkWait('acknowledge: waitMs', waitMs);
  if (losses.length === 0) throw new ConsumerError('BAD_ARGUMENT', 'acknowledge: losses is empty: name at least one');
  for (const { first, last } of losses) {
    if (!isNumber(first)) throw bad('first', first, `1 to ${Number.MAX_SAFE_INTEGER}`);
    if (last !== null && !(isNumber(last) && last >= first)) throw bad('last', last, 'a number from first on, or null');
  }
}

function checkText(name: string, text: string, most: number): void {
  const isText = typeof text === 'string' && text.trim() !== '' && text.length <= most && text.isWellFormed();
  if (!isText) throw bad(name, text, `a text of 1 to ${most} UTF-16 units`);
}

function isNumber(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 1;
}

function bad(name: string, value: unknown, expected: string): ConsumerError {
  return new ConsumerError('BAD_ARGUMENT', `${name} is ${JSON.stringify(value)}: expected ${expected}`);
}

interface Publication extends Pick<AcknowledgeOptions, 'orgid' | 'by' | 'reason'>, Loss {
  readonly subject: string;
}

/** A crash after this leaves the message in AUDIT: the writer chains it, and the next call finds it acknowledged. */
async function publish(nc: NatsConnection, settings: Settings, publication: Publication): Promise<number> {
  const { subject, orgid, producer, first, last, by, reason } = publication;
  const payload = formatAcknowledgement({ orgid, producer, first, last, by, reason });
  // The same words are the same message: one that was sent again before the first was chained is stored once.
  const msgID = `acknowledge-${nodeSha256(`${subject}\n${payload}`)}`;
  try {
    const { seq } = await jetstream(nc).publish(subject, payload, {
      msgID,
      expect: { streamName: settings.auditStream },
    });
    return seq;
  } catch (cause) {
    throw explain(cause, `acknowledge ${nameOf(publication)} of ${orgid}`);
  }
}

/** @throws ConsumerError NOT_CHAINED */
async function untilChained(
  jsm: JetStreamManager,
  settings: Settings,
  { last, bind, waitMs }: { readonly last: number; readonly bind: boolean; readonly waitMs: number },
): Promise<void> {
  const deadline = Date.now() + waitMs;
  for (;;) {
    const base = bind ? (await readEpoch(jsm, settings)).base : 0;
    if ((await readWatermark(jsm, settings)) >= base + last) return;
    if (Date.now() >= deadline) break;
    await pause(LOOK_MS);
  }
  throw new ConsumerError(
    'NOT_CHAINED',
    `it is stored as message ${last} of ${settings.auditStream}, and was not chained within ${waitMs} ms: ` +
      'it counts once a writer (waybill serve) has chained it',
  );
}
