import { VERDICT_EXIT_CODES } from '@waybill/schema';
import {
  answerBill,
  answerChain,
  type Asking,
  createProgressBar,
  expectations,
  expectedOfLedger,
  fromSeq,
  openInputs,
  signatureCheck,
} from '@waybill/verify/internal';
import { ConsumerError } from '../errors.ts';
import { checkChainName } from '../ledger/chain-name.ts';
import type { LedgerReport } from '../verify/ledger-report.ts';
import { verifyLedger } from '../verify/verify-ledger.ts';
import { type Command, type CommandContext, oneOf, wholeNumber } from './command.ts';
import { reportLines } from './verify-text.ts';
import { withNats } from './with-nats.ts';

export const verifyCommand: Command = {
  name: 'verify',
  summary: 'Re-derive everything in the chains and compare',
  help: `Usage: waybill verify (--org ID | --all) [--expect SEQ:HASH]… [--expect-file HEADS]… [--signer ID=KEY]…
                      [--require-signed] [--from-seq N] [--wait SECONDS] [--json]
       waybill verify --file FILE… [--org ID] [--expect SEQ:HASH]… [--expect-file HEADS]… [--signer ID=KEY]…
                      [--require-signed] [--system FILE]… [--from-seq N] [--json]
       waybill verify --bill FILE [--key [ID=]KEY]… [--expect SEQ:HASH]… [--expect-file HEADS]…
                      [--replay FILE]… [--from-seq N] [--json]

Re-derives every hash, link, number, time, volume and total, and compares. With NATS it also checks that the ledger has
no hole, that every message of the stream of events is in exactly one chain, unaltered, and that every entry is made
from a message there. With WAYBILL_STREAM_MODE=bind that stream is somebody else's, and may have been another before.

  --org ID            one organization, and _system, which accounts for what is no event
  --all               every chain
  --file FILE         a chain as \`waybill replay\` prints it; - for the standard input. Several are the parts of one
                      chain, such as rotated files, in any order. Needs no NATS
  --system FILE       with --file: what \`waybill replay --org _system\` printed: losses that are acknowledged there are
                      known. They are worth as much as this file. Several are its parts
  --bill FILE         a bill as \`waybill bill\` makes it; - for the standard input. Needs no NATS
  --key [ID=]KEY      with --bill: the issuer's key, the base64 of the 32 bytes of an Ed25519 public key. The bill then
                      has to be signed by one of them
  --replay FILE       with --bill: the chain, in which the bill's entries are looked for. Several are its parts, in any
                      order; --from-seq says where the first one begins
  --expect SEQ:HASH   a head that you hold (\`waybill head\`): only it can show a cut tail or a chain that was
                      recomputed as a whole. Several are allowed; with --all, ORG:SEQ:HASH
  --expect-file HEADS what \`waybill head --all --json\` printed, or \`--org ID\`: every chain in it has to be there and
                      contain its head. Several are allowed
  --signer ID=KEY     check the signatures of events whose keyid is ID: KEY is the base64 of the 32 bytes of an Ed25519
                      public key. Several are allowed
  --require-signed    an event without a valid signature by one of these keys is tampered: unsigned, its signature taken
                      away, or signed by another key. Needs --signer
  --from-seq N        start at this entry and take what is before it on trust; not with --all
  --wait SECONDS      how long to wait for a ledger that is behind the stream of events (default 5)
  --json              the whole report
  -h, --help          this text

Exit codes: 0 ok; 1 tampered; 2 truncated; 3 incomplete (an event that is in no chain, or that never arrived);
4 unreadable (no ledger at all); 64 and above as listed in docs/reference/cli.md.`,
  options: {
    org: { type: 'string' },
    all: { type: 'boolean' },
    file: { type: 'string', multiple: true },
    expect: { type: 'string', multiple: true },
    'expect-file': { type: 'string', multiple: true },
    signer: { type: 'string', multiple: true },
    system: { type: 'string', multiple: true },
    bill: { type: 'string' },
    key: { type: 'string', multiple: true },
    replay: { type: 'string', multiple: true },
    'require-signed': { type: 'boolean' },
    'from-seq': { type: 'string' },
    wait: { type: 'string' },
    json: { type: 'boolean' },
  },
  listOption: 'file',
  async run(context) {
    const { values } = context;
    if (values.text('bill') !== undefined) return verifyOneBill(context);
    if (values.all('key').length + values.all('replay').length > 0)
      throw new ConsumerError('BAD_ARGUMENT', '--key and --replay need --bill');
    if (values.all('file').length === 0 && values.all('system').length > 0)
      throw new ConsumerError('BAD_ARGUMENT', '--system needs --file: with NATS, _system is read from the ledger');
    return values.all('file').length === 0 ? verifyStreams(context) : verifyFiles(context);
  },
};

/** What its messages tell people to type. */
function asking({ values, output }: CommandContext, option: 'file' | 'bill'): Asking {
  const command = `waybill verify --${option}`;
  return { values, output, words: { name: 'waybill', takes: '--file', command, fileOption: `--${option} ` } };
}

/** @throws ConsumerError BAD_ARGUMENT for what is about chains only */
async function verifyOneBill(context: CommandContext): Promise<number> {
  const { values } = context;
  const other = ['file', 'signer'].find((name) => values.all(name).length > 0);
  if (other !== undefined || values.flag('all') || values.text('org') !== undefined)
    throw new ConsumerError('BAD_ARGUMENT', `--bill and --${other ?? 'org'}: a bill names its chain itself`);
  const asked = asking(context, 'bill');
  return answerBill(asked, async () => {
    const [bill, ...replay] = await openInputs([values.text('bill') ?? '', ...values.all('replay')], asked.words);
    if (!bill) throw new ConsumerError('BAD_ARGUMENT', '--bill has no file');
    return { bill, replay };
  });
}

async function verifyFiles(context: CommandContext): Promise<number> {
  const { values } = context;
  if (values.flag('all')) throw new ConsumerError('BAD_ARGUMENT', '--all and --file: files have one chain');
  const asked = asking(context, 'file');
  return answerChain(asked, async () => openInputs(values.all('file'), asked.words));
}

async function verifyStreams(context: CommandContext): Promise<number> {
  const { values, output } = context;
  const orgid = oneOf(values, 'verify', ['org', 'all']);
  if (orgid !== null) checkChainName('--org', orgid);
  const from = fromSeq(values);
  if (orgid === null && from !== 1)
    throw new ConsumerError('BAD_ARGUMENT', '--from-seq needs --org: each chain has its own numbers');
  const expect = expectations(values, orgid);
  const kept = await expectedOfLedger(asking(context, 'file'), orgid);
  for (const [chain, heads] of kept) expect.set(chain, [...(expect.get(chain) ?? []), ...heads]);
  const signers = signatureCheck(values);
  const waitMs = wholeNumber('wait', values.text('wait'), 5) * 1000;
  const bar = createProgressBar(output);
  let report: LedgerReport;
  try {
    report = await withNats(context, (nc, { settings, streamMode }) =>
      verifyLedger(nc, settings, {
        bind: streamMode === 'bind',
        expect,
        waitMs,
        fromSeq: from,
        ...(orgid !== null && { orgid }),
        ...signers,
        onProgress: ({ phase, done, total }) =>
          bar.show({ done, total, text: phase === 'ledger' ? 'blocks' : 'events' }),
      }),
    );
  } finally {
    bar.clear();
  }
  if (values.flag('json')) await output.json(report);
  else await output.text(reportLines(report));
  return VERDICT_EXIT_CODES[report.verdict];
}
