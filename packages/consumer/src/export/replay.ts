/**
 * The `export/` room: a chain's entries as they are stored, one JSON line each. An auditor takes them away and verifies them
 * without NATS. Lines go out unchanged: nothing here interprets them.
 */
import { type JetStreamManager, jetstreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/nats-core';
import type { KnownOptions } from '@waybill/schema';
import { setTimeout as pause } from 'node:timers/promises';
import { checkOptions } from '../check-options.ts';
import { ConsumerError } from '../errors.ts';
import type { Settings } from '../settings.ts';
import { checkChainName } from '../ledger/chain-name.ts';
import { chainRange } from '../ledger/chain-range.ts';
import { findBlock, nextBlock, readStored } from '../ledger/find-block.ts';
import { explain, isRefusal } from '../nats/nats-error.ts';
import { readRange } from '../nats/read-range.ts';

export interface ReplayOptions {
  readonly orgid: string;
  /** The first entry, by its number in the chain. Default: 1. */
  readonly fromSeq?: number;
  /** Goes on with what is chained later, until `signal`. Default: ends with what is there at the start. */
  readonly follow?: boolean;
  readonly signal?: AbortSignal;
}

const OPTIONS: KnownOptions<ReplayOptions> = {
  orgid: true,
  fromSeq: true,
  follow: true,
  signal: true,
};
const FOLLOW_MS = 500;
/** Looks for new entries one after the other that the server did not answer, before a replay gives up. */
const MAX_FAILURES = 12;

/**
 * Batches of lines, without line feeds; none when there is no such chain.
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
  const fromSeq = options.fromSeq ?? 1;
  checkChainName('orgid', orgid);
  if (!Number.isSafeInteger(fromSeq) || fromSeq < 1) {
    throw new ConsumerError('BAD_ARGUMENT', `fromSeq is ${fromSeq}: expected a whole number from 1`);
  }
  const jsm = await jetstreamManager(nc, { checkAPI: false });
  const start =
    fromSeq === 1 ? null : await findBlock(jsm, settings, orgid, { holds: ({ core }) => core.seq <= fromSeq });
  let position = (start?.streamSeq ?? 1) - 1;
  do {
    const to = await lastSeq(jsm, settings);
    const range = chainRange(settings, { orgid, from: position + 1, to, ...(signal && { signal }) });
    for await (const items of readRange(nc, jsm, range)) {
      const lines: string[] = [];
      for (const item of items) {
        if (item.kind === 'gap') continue;
        position = item.seq;
        const block = readStored(settings, orgid, { seq: item.seq, data: item.payload });
        for (const line of block.lines.slice(Math.max(0, fromSeq - block.trailer.first))) lines.push(line);
      }
      if (lines.length > 0) yield lines;
    }
  } while (follow && (await nextIsThere(jsm, settings, { orgid, streamSeq: position + 1, signal })));
}

async function lastSeq(jsm: JetStreamManager, { ledgerStream }: Settings): Promise<number> {
  try {
    return (await jsm.streams.info(ledgerStream)).state.last_seq;
  } catch (cause) {
    throw explain(cause, `look at stream ${ledgerStream}`);
  }
}

interface NextPlace {
  readonly orgid: string;
  readonly streamSeq: number;
  readonly signal: AbortSignal | undefined;
}

/** Waits for a block. @returns false when that was aborted */
async function nextIsThere(jsm: JetStreamManager, settings: Settings, { signal, ...at }: NextPlace): Promise<boolean> {
  let failures = 0;
  while (!signal?.aborted) {
    try {
      if (await nextBlock(jsm, settings, at)) return true;
      failures = 0;
    } catch (error) {
      const isPassing = error instanceof ConsumerError && ['NO_ANSWER', 'JETSTREAM_OFF'].includes(error.code);
      if (!isPassing || isRefusal(error) || ++failures >= MAX_FAILURES) throw error;
    }
    await pause(FOLLOW_MS, undefined, { signal }).catch(() => undefined);
  }
  return false;
}
