/** A chain's entries as they are stored, one JSON line each: what an auditor takes away and verifies without NATS. */
import { jetstreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/nats-core';
import { formatLedgerSubject, type KnownOptions } from '@waybill/schema';
import { checkOptions } from './check-options.ts';
import { ConsumerError } from './errors.ts';
import { findBlock, readStored } from './find-block.ts';
import { explain } from './nats-error.ts';
import { readRange } from './read-range.ts';
import type { Settings } from './settings.ts';

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

/**
 * Batches of lines, without line feeds.
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
  if (!Number.isSafeInteger(fromSeq) || fromSeq < 1) {
    throw new ConsumerError('BAD_ARGUMENT', `fromSeq is ${fromSeq}: expected a whole number from 1`);
  }
  const jsm = await jetstreamManager(nc, { checkAPI: false });
  const subject = formatLedgerSubject(orgid, settings.ledgerPrefix);
  const last = await lastSeq(jsm, settings);
  const start =
    fromSeq === 1 ? null : await findBlock(jsm, settings, orgid, { holds: ({ core }) => core.seq <= fromSeq });
  const range = {
    stream: settings.ledgerStream,
    subject,
    from: start?.streamSeq ?? 1,
    ...(!follow && { to: last }),
    ...(signal && { signal }),
  };
  for await (const items of readRange(nc, jsm, range)) {
    const lines: string[] = [];
    for (const item of items) {
      if (item.kind === 'gap') continue;
      const block = readStored(settings, orgid, { seq: item.seq, data: item.payload });
      lines.push(...block.lines.slice(Math.max(0, fromSeq - block.trailer.first)));
    }
    if (lines.length > 0) yield lines;
  }
}

type Manager = Awaited<ReturnType<typeof jetstreamManager>>;

async function lastSeq(jsm: Manager, { ledgerStream }: Settings): Promise<number> {
  try {
    return (await jsm.streams.info(ledgerStream)).state.last_seq;
  } catch (cause) {
    throw explain(cause, `look at stream ${ledgerStream}`);
  }
}
