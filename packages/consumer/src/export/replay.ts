/**
 * The `export/` room: a chain's entries as they are stored, one JSON line each. An auditor takes them away and verifies
 * them without NATS. Lines go out unchanged: nothing here interprets them.
 */
import { type JetStreamManager, jetstreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/nats-core';
import type { Entry } from '@waybill/schema/internal';
import { checkOptions, type KnownOptions } from '../check-options.ts';
import { ConsumerError } from '../errors.ts';
import { pause } from '../pause.ts';
import type { Settings } from '../settings.ts';
import { checkChainName } from '../ledger/chain-name.ts';
import { chainRange } from '../ledger/chain-range.ts';
import { findBlock, nextBlock } from '../ledger/find-block.ts';
import { readStored } from '../ledger/stored-block.ts';
import { isPermanentError } from '../nats/nats-error.ts';
import { readRange } from '../nats/read-range.ts';
import { readStreamInfo } from '../nats/stream-info.ts';
import { cutBlock, readSlice, type Slice } from './slice.ts';

export interface ReplayOptions {
  readonly orgid: string;
  /** The first entry, by its number in the chain. Default: 1. */
  readonly fromSeq?: number;
  /** The last entry. Default: the newest. */
  readonly toSeq?: number;
  /** Only entries that were received in `[from, to)`: RFC 3339 with a zone, or a date, which means its midnight in UTC. */
  readonly from?: string;
  readonly to?: string;
  /**
   * Goes on with new entries until `signal`, or until `toSeq` or `to` is reached. Default: false, and the replay ends
   * with the newest entry.
   */
  readonly follow?: boolean;
  readonly signal?: AbortSignal;
}

const OPTIONS: KnownOptions<ReplayOptions> = {
  orgid: true,
  fromSeq: true,
  toSeq: true,
  from: true,
  to: true,
  follow: true,
  signal: true,
};
const FOLLOW_MS = 500;
/** Attempts in a row that the server did not answer, before a replay that follows gives up. */
const MAX_FAILURES = 12;

/**
 * Yields the lines in batches, without line feeds; none when there is no such chain.
 *
 * @throws ConsumerError BAD_ARGUMENT, NO_STREAM, LEDGER_DAMAGED …
 */
export async function* replay(
  nc: NatsConnection,
  settings: Settings,
  options: ReplayOptions,
): AsyncGenerator<string[]> {
  checkOptions('replay', options, OPTIONS);
  const { orgid, follow = false, signal } = options;
  checkChainName('orgid', orgid);
  const slice = readSlice(options);
  const jsm = await jetstreamManager(nc, { checkAPI: false });
  let position = (await startOf(jsm, settings, { orgid, ...slice })) - 1;
  let isDone = false;
  do {
    const to = (await readStreamInfo(jsm, settings.ledgerStream)).state.last_seq;
    const range = chainRange(settings, { orgid, from: position + 1, to, ...(signal && { signal }) });
    for await (const items of readRange(nc, jsm, range)) {
      const lines: string[] = [];
      for (const item of items) {
        if (item.kind === 'gap') continue;
        position = item.seq;
        const cut = cutBlock(settings, readStored(settings, orgid, { seq: item.seq, data: item.payload }), slice);
        for (const line of cut.lines) lines.push(line);
        isDone = cut.isLast;
        if (isDone) break;
      }
      if (lines.length > 0) yield lines;
      if (isDone) return;
    }
  } while (follow && (await waitForBlock(jsm, settings, { orgid, streamSeq: position + 1, signal })));
}

/** Where in the ledger stream the block is that the slice begins in; 1 when there is none, or nothing is left out. */
async function startOf(
  jsm: JetStreamManager,
  settings: Settings,
  { orgid, fromSeq, from }: Slice & { readonly orgid: string },
): Promise<number> {
  if (fromSeq === 1 && from === null) return 1;
  const holds = ({ core }: Entry): boolean => core.seq <= fromSeq || (from !== null && core.received < from);
  return (await findBlock(jsm, settings, orgid, { holds }))?.streamSeq ?? 1;
}

interface AwaitedBlock {
  readonly orgid: string;
  /** The first sequence of the ledger stream at which it may be. */
  readonly streamSeq: number;
  readonly signal: AbortSignal | undefined;
}

/** Waits for the next block of the chain. @returns false when the signal was aborted */
async function waitForBlock(
  jsm: JetStreamManager,
  settings: Settings,
  { signal, ...at }: AwaitedBlock,
): Promise<boolean> {
  let failures = 0;
  while (!signal?.aborted) {
    try {
      if (await nextBlock(jsm, settings, at)) return true;
      failures = 0;
    } catch (error) {
      const isPassing = error instanceof ConsumerError && ['NO_ANSWER', 'JETSTREAM_OFF'].includes(error.code);
      if (!isPassing || isPermanentError(error) || ++failures >= MAX_FAILURES) throw error;
    }
    await pause(FOLLOW_MS, signal);
  }
  return false;
}
