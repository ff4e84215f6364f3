import { ConsumerError } from '../errors.ts';
import { replay } from '../export/replay.ts';
import { readHead } from '../ledger/chain-head.ts';
import { checkChainName } from '../ledger/chain-name.ts';
import { type Command, wholeNumber } from './command.ts';
import { MUST_EXIST, sayNoChain } from './no-chain.ts';
import { withNats } from './with-nats.ts';

export const replayCommand: Command = {
  name: 'replay',
  summary: 'The entries of a chain as JSON lines, exactly as they are stored',
  help: `Usage: waybill replay --org ID [--from-seq N] [--follow] [--must-exist]

The entries of one chain, one JSON line each, byte for byte as they are stored. \`waybill verify --file\` takes exactly
this, so whoever has it needs no NATS to check it. Of a chain that is not there, nothing is printed, and a note says so.

  --org ID        the organization; _system has what is no event, _unattributed the events of no organization
  --from-seq N    the first entry (default 1)
  --follow        go on with new entries until interrupted, or until one finds that nobody reads any more
  --must-exist    an error when there is no such chain, instead of a note
  --json          accepted and without effect: the output is JSON lines anyway
  -h, --help      this text

Exit codes: 0; 64 and above as listed in docs/reference/cli.md.`,
  options: {
    org: { type: 'string' },
    'from-seq': { type: 'string' },
    follow: { type: 'boolean' },
    json: { type: 'boolean' },
    ...MUST_EXIST,
  },
  async run(context) {
    const { values, output } = context;
    const orgid = values.text('org');
    if (orgid === undefined) throw new ConsumerError('BAD_ARGUMENT', 'waybill replay needs --org ID; see --help');
    checkChainName('--org', orgid);
    const follow = values.flag('follow');
    const fromSeq = wholeNumber('from-seq', values.text('from-seq'), 1);
    const stop = new AbortController();
    const onSignal = (signal: NodeJS.Signals): void => {
      stop.abort();
      // If something still keeps the process then, such as a reader that no longer reads.
      setTimeout(() => process.exit(128 + (signal === 'SIGINT' ? 2 : 15)), LEAVE_MS).unref();
    };
    // Without --follow, an interrupted command has not printed everything: it ends as any program does, not with 0.
    if (follow) process.once('SIGINT', onSignal).once('SIGTERM', onSignal);
    try {
      await withNats(context, async (nc, { settings }) => {
        const sayWhatIsMissing = async (): Promise<void> => {
          const head = await readHead(nc, settings, orgid);
          if (!head) await sayNoChain(context, nc, { settings, orgid });
          else if (head.seq < fromSeq)
            output.note(`waybill: the chain of ${orgid} has ${head.seq} entries, none from ${fromSeq} on`);
        };
        let isEmpty = true;
        if (follow) await sayWhatIsMissing();
        for await (const lines of replay(nc, settings, {
          orgid,
          fromSeq,
          follow,
          // A write may fail long before the next entry comes: the wait for that entry has to end too.
          signal: AbortSignal.any([stop.signal, output.readerGone]),
        })) {
          isEmpty = false;
          await output.lines(lines);
        }
        // An empty file would look like a complete replay.
        if (isEmpty && !follow) await sayWhatIsMissing();
      });
    } finally {
      process.off('SIGINT', onSignal).off('SIGTERM', onSignal);
    }
    return 0;
  },
};

/** How long an interrupted --follow waits for its reader, and for the server. */
const LEAVE_MS = 5_000;
