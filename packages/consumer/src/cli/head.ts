import { type ChainHead, readHead, readHeads } from '../ledger/chain-head.ts';
import { checkChainName } from '../ledger/chain-name.ts';
import { type Command, oneOf } from './command.ts';
import { checkMustExist, MUST_EXIST, sayNoChain } from './no-chain.ts';
import { formatTable } from './table.ts';
import { withNats } from './with-nats.ts';

export const headCommand: Command = {
  name: 'head',
  summary: 'The newest entry of each chain, to keep for a later verification',
  help: `Usage: waybill head (--org ID [--must-exist] | --all) [--json]

The newest entry of a chain. Kept elsewhere as SEQ:HASH, it lets \`waybill verify --expect\` find out later whether the
chain was cut or rewritten, which a chain alone cannot show.

  --org ID     one organization; _system has what is no event, _unattributed the events of no organization
  --all        every organization
  --must-exist with --org: an error when there is no such chain, instead of a note
  --json       { orgid, seq, hash, received, totals, watermark }, an array of them with --all, null when there is none
  -h, --help   this text

Exit codes: 0; 64 and above as listed in docs/reference/cli.md.`,
  options: { org: { type: 'string' }, all: { type: 'boolean' }, json: { type: 'boolean' }, ...MUST_EXIST },
  async run(context) {
    const { values, output } = context;
    const orgid = oneOf(values, 'head', ['org', 'all']);
    if (orgid !== null) checkChainName('--org', orgid);
    checkMustExist(values, orgid);
    const heads = await withNats(context, async (nc, { settings }) => {
      if (orgid === null) return readHeads(nc, settings);
      const head = await readHead(nc, settings, orgid);
      if (head === null) await sayNoChain(context, nc, { settings, orgid });
      return [head];
    });
    if (values.flag('json')) await output.json(orgid === null ? heads : heads[0]);
    else await output.text(table(heads));
    return 0;
  },
};

function table(heads: readonly (ChainHead | null)[]): string[] {
  const rows = heads
    .filter((head) => head !== null)
    .map((head) => [head.orgid, head.received, `${head.seq}:${head.hash}`]);
  return rows.length === 0 ? [] : formatTable([['organization', 'received', 'head'], ...rows]);
}
