import { ConsumerError } from '../errors.ts';
import { replay } from '../export/replay.ts';
import { readSlice, type SliceOptions } from '../export/slice.ts';
import { readHead } from '../ledger/chain-head.ts';
import { checkChainName } from '../ledger/chain-name.ts';
import { type Command, type Values, wholeNumber } from './command.ts';
import { MUST_EXIST, sayNoChain } from './no-chain.ts';
import { withNats } from './with-nats.ts';

export const replayCommand: Command = {
  name: 'replay',
  summary: 'The entries of a chain as JSON lines, exactly as they are stored',
  help: `Usage: waybill replay --org ID [--from-seq N] [--to-seq N] [--from TIME] [--to TIME] [--follow] [--must-exist]

The entries of one chain, one JSON line each, byte for byte as they are stored. \`waybill verify --file\` takes exactly
this, so whoever has it needs no NATS to check it. Of a chain that is not there, nothing is printed, and a note says so.

  --org ID        the organization; _system has what is no event, _unattributed the events of no organization
  --from-seq N    the first entry (default 1)
  --to-seq N      the last entry (default: the newest)
  --from TIME     only entries received at this time or later: RFC 3339 with a zone, or a date (its midnight in UTC)
  --to TIME       only entries received before this time. With --follow, ends at the first later entry
  --follow        go on with new entries until interrupted, or until one finds that nobody reads any more
  --must-exist    an error when there is no such chain, instead of a note
  --json          accepted and without effect: the output is JSON lines anyway
  -h, --help      this text

Exit codes: 0; 64 and above as listed in docs/reference/cli.md.`,
  options: {
    org: { type: 'string' },
    'from-seq': { type: 'string' },
    'to-seq': { type: 'string' },
    from: { type: 'string' },
    to: { type: 'string' },
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
    const slice = sliceOf(values);
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
          else if (head.seq < (slice.fromSeq ?? 1))
            output.note(`waybill: the chain of ${orgid} has ${head.seq} entries, none from ${slice.fromSeq} on`);
          else if (!follow) {
            const entries = `${head.seq} entries, the newest received at ${head.received}`;
            output.note(`waybill: the chain of ${orgid} has ${entries}; none of them was asked for`);
          }
        };
        let isEmpty = true;
        if (follow) await sayWhatIsMissing();
        for await (const lines of replay(nc, settings, {
          orgid,
          ...slice,
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

/** Bounds are checked here, so that errors name the command's options. @throws ConsumerError BAD_ARGUMENT */
function sliceOf(values: Values): SliceOptions {
  const seq = (name: string): number | undefined =>
    values.text(name) === undefined ? undefined : wholeNumber(name, values.text(name), 1);
  const [fromSeq, toSeq] = [seq('from-seq'), seq('to-seq')];
  const [from, to] = [values.text('from'), values.text('to')];
  const slice: SliceOptions = {
    ...(fromSeq !== undefined && { fromSeq }),
    ...(toSeq !== undefined && { toSeq }),
    ...(from !== undefined && { from }),
    ...(to !== undefined && { to }),
  };
  readSlice(slice, { fromSeq: '--from-seq', toSeq: '--to-seq', from: '--from', to: '--to' });
  return slice;
}

/** How long an interrupted --follow waits for its reader, and for the server. */
const LEAVE_MS = 5_000;
