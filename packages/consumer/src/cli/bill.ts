import type { NatsConnection } from '@nats-io/nats-core';
import type { Bill } from '@waybill/schema';
import { formatBill } from '@waybill/schema';
import type { PublicBillSigner } from '../bill/bill-signer.ts';
import { type BillOptions, makeBill, makeBills } from '../bill/make-bill.ts';
import type { Config } from '../config/config.ts';
import { ConsumerError } from '../errors.ts';
import { checkOrganization } from '../ledger/chain-name.ts';
import { readBillSigner } from '../service/bill-key.ts';
import { STEPS } from '../usage/calendar.ts';
import { keepBill, openBillFolder, type KeptBill } from './bill-file.ts';
import { type Command, type CommandContext, oneOf, type Values } from './command.ts';
import { checkMustExist, MUST_EXIST, sayNoChain } from './no-chain.ts';
import { withNats } from './with-nats.ts';

const NOT_SIGNED =
  'waybill: not signed: whoever has such a file can make another in your name; set WAYBILL_BILL_KEY_FILE or --key-file';

export const billCommand: Command = {
  name: 'bill',
  summary: 'Bills as files that customers check themselves',
  help: `Usage: waybill bill (--org ID [--must-exist] | --all) (--period P | --from T --to T) [--zone ZONE]
                    [--step hour|day|week|month] [--out DIR] [--issuer NAME] [--key-file FILE] [--json]

Makes the bill of a period that is final: what was used, line by line, the entries of the chain that prove it, and what
may be missing. \`waybill verify --bill\` checks it, with no server and no account.

  --org ID         one organization. One that has no chain gets a bill with zeros, and a note says so
  --must-exist     with --org: an error when there is no such chain, instead of a note
  --all            every organization that had a chain before the end of the period; needs --out
  --period P       a month (2026-11), year (2026), week (2026-W48) or day (2026-11-30) of the zone's calendar
  --from T, --to T instead: RFC 3339 with an offset, or a date or time in the zone
  --zone ZONE      time zone of the IANA database (default UTC)
  --step STEP      a line for each hour, day (default), week (from Monday) or month; at most 1,000
  --out DIR        one file for each bill there; without it, the bill is printed. Doing it twice changes nothing: a bill
                   that is there already stays, and another one is an error and is never overwritten
  --issuer NAME    who issues the bills (default: WAYBILL_BILL_ISSUER)
  --key-file FILE  sign with this Ed25519 private key, PEM or base64 (default: WAYBILL_BILL_KEY_FILE; without, unsigned)
  --json           with --out: { key, bills } instead of a line for each bill
  -h, --help       this text

The cost grows with the number of entries up to the end of the period: each chain is read once, and _system once.
Exit codes: 0; 73 when another bill is there; 75 when the period is not final yet; others as listed in
docs/reference/cli.md.`,
  options: {
    org: { type: 'string' },
    all: { type: 'boolean' },
    period: { type: 'string' },
    from: { type: 'string' },
    to: { type: 'string' },
    zone: { type: 'string' },
    step: { type: 'string' },
    out: { type: 'string' },
    issuer: { type: 'string' },
    'key-file': { type: 'string' },
    json: { type: 'boolean' },
    ...MUST_EXIST,
  },
  meant: { timezone: '--zone', tz: '--zone', month: '--period', key: '--key-file' },
  async run(context) {
    const { values } = context;
    const orgid = oneOf(values, 'bill', ['org', 'all']);
    if (orgid !== null) checkOrganization('--org', orgid);
    checkMustExist(values, orgid);
    const folder = values.text('out');
    if (folder === undefined && orgid === null)
      throw new ConsumerError('BAD_ARGUMENT', 'waybill bill --all needs --out DIR; see --help');
    await withNats(context, async (nc, config) => {
      const signer = signerOf(values, config);
      const options = optionsOf(values, config, signer);
      if (folder === undefined) return printBill(context, nc, { config, options, orgid: orgid ?? '' });
      return writeBills(context, nc, { config, options, orgid, folder, signer });
    });
    return 0;
  },
};

function optionsOf(values: Values, { bill }: Config, signer: PublicBillSigner | null): BillOptions {
  const given = values.text('step');
  const step = STEPS.find((one) => one === given);
  if (given !== undefined && step === undefined)
    throw new ConsumerError('BAD_ARGUMENT', `--step is ${JSON.stringify(given)}: expected one of ${STEPS.join(', ')}`);
  return {
    period: values.text('period'),
    from: values.text('from'),
    to: values.text('to'),
    zone: values.text('zone'),
    step,
    issuer: values.text('issuer') ?? bill.issuer,
    ...(signer && { signer }),
  };
}

function signerOf(values: Values, { bill }: Config): PublicBillSigner | null {
  const option = values.text('key-file');
  const file = option ?? bill.keyFile;
  if (file === null) return null;
  const name = option === undefined ? 'WAYBILL_BILL_KEY_FILE' : '--key-file';
  return readBillSigner(name, file);
}

interface Job {
  readonly config: Config;
  readonly options: BillOptions;
  /** null: all. */
  readonly orgid: string | null;
}

async function printBill(context: CommandContext, nc: NatsConnection, job: Job & { orgid: string }): Promise<void> {
  const bill = await billOf(context, nc, job);
  await context.output.lines([formatBill(bill).trimEnd()]);
  if (bill.signature === undefined) context.output.note(NOT_SIGNED);
}

async function writeBills(
  context: CommandContext,
  nc: NatsConnection,
  { folder, signer, ...job }: Job & { folder: string; signer: PublicBillSigner | null },
): Promise<void> {
  const { values, output } = context;
  const { orgid } = job;
  await openBillFolder(folder);
  const { settings } = job.config;
  const bills = orgid === null ? makeBills(nc, settings, job.options) : [await billOf(context, nc, { ...job, orgid })];
  const kept: KeptBill[] = [];
  const refused: ConsumerError[] = [];
  for await (const bill of bills) {
    try {
      const one = await keepBill(folder, bill);
      kept.push(one);
      if (!values.flag('json')) await output.text([`${one.state.padEnd(9)} ${one.file}`]);
    } catch (error) {
      // One customer's file must not keep the others from their bills.
      if (!(error instanceof ConsumerError) || error.code !== 'CANNOT_CREATE') throw error;
      refused.push(error);
      output.note(`waybill: ${error.message}`);
    }
  }
  const key = signer && { keyid: signer.keyid, publicKey: signer.publicKey };
  if (values.flag('json')) await output.json({ key, bills: kept });
  else if (key) output.note(`signed by ${key.keyid}: customers check with --key ${key.publicKey}`);
  else if (kept.length > 0) output.note(NOT_SIGNED);
  if (kept.length + refused.length === 0)
    output.note('waybill: there is no bill to make: no organization had a chain before the end of the period');
  const [first] = refused;
  if (!first) return;
  const more = refused.length > 1 ? ` (and ${refused.length - 1} more)` : '';
  throw new ConsumerError('CANNOT_CREATE', `${first.message}${more}`, { cause: first });
}

async function billOf(context: CommandContext, nc: NatsConnection, job: Job & { orgid: string }): Promise<Bill> {
  const { orgid, options, config } = job;
  const bill = await makeBill(nc, config.settings, { ...options, orgid });
  if (bill.statement.cuts.at(-1)?.before === null && bill.anchors.after?.at(-1) === null)
    await sayNoChain(context, nc, { settings: config.settings, orgid });
  return bill;
}
