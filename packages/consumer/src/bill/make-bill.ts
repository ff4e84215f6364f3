/**
 * The `bill/` room: makes bills, the files that `docs/reference/format.md` §14 specifies. It reads LEDGER, and AUDIT only to
 * tell whether a period is final. It never writes a file, and never decides what a window is: `usage/` does.
 *
 * A bill costs one pass over the organization's chain up to the end of the period, and one over `_system`, which all
 * bills of a call share: what may be missing stands in no total. Nothing is kept but the cuts and the publishers.
 */
import { type JetStreamManager, jetstreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/nats-core';
import {
  type Bill,
  type BillSigner,
  type BillStatement,
  formatBill,
  makeStatement,
  SchemaError,
  signBill,
  type StatementParts,
  verifyBill,
} from '@waybill/schema';
import { ConsumerError } from '../errors.ts';
import { inParallel } from '../in-parallel.ts';
import type { Settings } from '../settings.ts';
import { nodeSha256 } from '../sha256.ts';
import { checkOrganization } from '../ledger/chain-name.ts';
import { listOrganizations } from '../ledger/organizations.ts';
import { readStreamInfo } from '../nats/stream-info.ts';
import { type BillPeriod, openPeriod, type PeriodQuery } from './bill-period.ts';
import { type CutChain, cutChain } from './cut-chain.ts';
import { scanSystem, type SystemScan } from './system-scan.ts';

export interface BillOptions extends PeriodQuery {
  /** Who issues the bill: a text of 1 to 256 UTF-16 units. */
  readonly issuer: string;
  /** Default: the bill is not signed. */
  readonly signer?: BillSigner | undefined;
}

export interface BillsOptions extends BillOptions {
  /** Only these. Default: every organization. */
  readonly orgids?: readonly string[] | undefined;
  /** Only organizations that sort after this one: that of the last bill that arrived. */
  readonly after?: string | undefined;
}

/** So many chains are read at once, and so many bills are in memory. */
const CHAINS_AT_ONCE = 8;
const BILLS_AT_ONCE = 64;

/**
 * The bill of one organization. One that has no chain has used nothing, and gets a bill with zeros.
 *
 * @throws ConsumerError NOT_FINAL as long as the period is not final; BAD_ARGUMENT, NO_STREAM, LEDGER_DAMAGED …
 */
export async function makeBill(
  nc: NatsConnection,
  settings: Settings,
  options: BillOptions & { orgid: string },
): Promise<Bill> {
  checkOrganization('orgid', options.orgid);
  const { orgid, ...rest } = options;
  const desk = await openDesk(nc, settings, rest);
  return billOf(desk, orgid);
}

/**
 * The bills of every organization that had a chain before the end of the period, by name. One that begins later is in no
 * bill of the time before.
 *
 * @throws ConsumerError as `makeBill`
 */
export async function* makeBills(
  nc: NatsConnection,
  settings: Settings,
  { orgids: named, after = '', ...options }: BillsOptions,
): AsyncGenerator<Bill> {
  for (const orgid of named ?? []) checkOrganization('orgids', orgid);
  const desk = await openDesk(nc, settings, options);
  const all = named ? [...new Set(named)].toSorted() : await listOrganizations(desk.jsm, settings);
  const orgids = all.filter((orgid) => orgid > after);
  for (let i = 0; i < orgids.length; i += BILLS_AT_ONCE) {
    const bills = await inParallel(orgids.slice(i, i + BILLS_AT_ONCE), CHAINS_AT_ONCE, (orgid) => billOf(desk, orgid));
    for (const bill of bills) if (bill.statement.cuts.at(-1)?.before !== null) yield bill;
  }
}

/** What all bills of a call share. */
interface Desk {
  readonly nc: NatsConnection;
  readonly jsm: JetStreamManager;
  readonly settings: Settings;
  readonly period: BillPeriod;
  /** The last sequence of the ledger stream that is read. */
  readonly ledgerEnd: number;
  readonly system: SystemScan;
  readonly issuer: string;
  readonly signer: BillSigner | null;
}

async function openDesk(nc: NatsConnection, settings: Settings, options: BillOptions): Promise<Desk> {
  const { issuer, signer = null, ...query } = options;
  const isText = typeof issuer === 'string' && issuer.isWellFormed() && issuer.length >= 1 && issuer.length <= 256;
  if (!isText) throw new ConsumerError('BAD_ARGUMENT', 'issuer: expected a text of 1 to 256 UTF-16 units');
  const jsm = await jetstreamManager(nc, { checkAPI: false });
  // Before the ledger is read: what is final now is stored now.
  const period = await openPeriod(jsm, settings, query);
  const ledgerEnd = (await readStreamInfo(jsm, settings.ledgerStream)).state.last_seq;
  const system = await scanSystem({ nc, jsm, settings, ledgerEnd, period });
  return { nc, jsm, settings, period, ledgerEnd, system, issuer, signer };
}

async function billOf(desk: Desk, orgid: string): Promise<Bill> {
  const cut = await cutChain({ ...desk, orgid });
  try {
    const bill = signBill(statementOf(desk, orgid, cut), { after: cut.after }, desk.signer);
    // What a customer would find out is found out here first.
    const { verdict, problem } = verifyBill(formatBill(bill), { sha256: nodeSha256 });
    if (verdict === 'ok') return bill;
    throw new SchemaError('NOT_A_BILL', problem ?? verdict);
  } catch (cause) {
    if (!(cause instanceof SchemaError)) throw cause;
    throw new ConsumerError('LEDGER_DAMAGED', `the chain of ${orgid} makes no bill: ${cause.message}`, { cause });
  }
}

function statementOf({ period, system, issuer }: Desk, orgid: string, { cuts, publishers }: CutChain): BillStatement {
  const [first, last] = [cuts[0], cuts.at(-1)];
  const parts: StatementParts = {
    orgid,
    zone: period.zone,
    tz: period.tz,
    issuedBy: issuer,
    cuts,
    completeness: {
      ...publishers,
      ...system.countsOf(orgid),
      gaps: system.gapsBetween(first?.before?.source.seq ?? null, last?.before?.source.seq ?? 0),
    },
  };
  return makeStatement(period.name === null ? parts : { ...parts, period: period.name });
}
