/**
 * The heads of chains. A head that is kept elsewhere shows later whether a chain was cut or rewritten (`verify
 * --expect`).
 */
import { type JetStreamManager, jetstreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/nats-core';
import type { Totals } from '@waybill/schema';
import { ConsumerError } from '../errors.ts';
import { inParallel } from '../in-parallel.ts';
import type { Settings } from '../settings.ts';
import { checkChainName } from './chain-name.ts';
import { newestBlock } from './find-block.ts';
import { listOrganizations } from './organizations.ts';
import { entryAt } from './stored-block.ts';

export interface ChainHead {
  readonly orgid: string;
  /** Entries in the chain. */
  readonly seq: number;
  readonly hash: string;
  /** When the AUDIT stream stored the newest entry's event. */
  readonly received: string;
  readonly totals: Totals;
  /** As of the chain's newest block: every AUDIT message up to this sequence was in the ledger. */
  readonly watermark: number;
}

/**
 * The newest entry of a chain, which may be `_system` or `_unattributed`; null when there is no such chain.
 *
 * @throws ConsumerError BAD_ARGUMENT, NO_STREAM, LEDGER_DAMAGED …
 */
export async function readHead(nc: NatsConnection, settings: Settings, orgid: string): Promise<ChainHead | null> {
  checkChainName('orgid', orgid);
  return headOf(await jetstreamManager(nc, { checkAPI: false }), settings, orgid);
}

/** The newest entries of all organizations, sorted by `orgid`. @throws ConsumerError NO_STREAM, LEDGER_DAMAGED … */
export async function readHeads(nc: NatsConnection, settings: Settings): Promise<ChainHead[]> {
  const jsm = await jetstreamManager(nc, { checkAPI: false });
  const orgids = await listOrganizations(jsm, settings);
  const heads = await inParallel(orgids, REQUESTS_AT_ONCE, (orgid) => headOf(jsm, settings, orgid));
  return heads.filter((head) => head !== null);
}

const REQUESTS_AT_ONCE = 64;

async function headOf(jsm: JetStreamManager, settings: Settings, orgid: string): Promise<ChainHead | null> {
  const block = await newestBlock(jsm, settings, orgid);
  if (!block) return null;
  const { trailer, streamSeq } = block;
  const { core, hash } = entryAt(settings, block, -1);
  if (hash !== trailer.head || core.seq !== trailer.last) {
    throw new ConsumerError(
      'LEDGER_DAMAGED',
      `stream ${settings.ledgerStream}, sequence ${streamSeq}: the trailer is not that of the last entry`,
    );
  }
  return { orgid, seq: core.seq, hash, received: core.received, totals: core.totals, watermark: trailer.watermark };
}
