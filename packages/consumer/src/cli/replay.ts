import { isChainName, ORGID_PATTERN, SYSTEM_CHAIN, UNATTRIBUTED_CHAIN } from '@waybill/schema';
import { ConsumerError } from '../errors.ts';
import { replay } from '../replay.ts';
import { type Command, wholeNumber } from './command.ts';
import { withNats } from './with-nats.ts';

export const replayCommand: Command = {
  name: 'replay',
  summary: 'The entries of a chain as JSON lines, exactly as they are stored',
  help: `Usage: waybill replay --org ID [--from-seq N] [--follow]

The entries of one chain, one JSON line each, byte for byte as they are stored. \`waybill verify --file\` takes exactly
this, so whoever has it needs no NATS to check it.

  --org ID        the organization; _system has what is no event, _unattributed the events of no organization
  --from-seq N    the first entry (default 1)
  --follow        go on with new entries until interrupted, or until one finds that nobody reads any more
  --json          accepted and without effect: the output is JSON lines anyway
  -h, --help      this text

Exit codes: 0; 64 and above as listed in docs/cli.md.`,
  options: {
    org: { type: 'string' },
    'from-seq': { type: 'string' },
    follow: { type: 'boolean' },
    json: { type: 'boolean' },
  },
  async run(context) {
    const { values, output } = context;
    const orgid = values.text('org');
    if (orgid === undefined) throw new ConsumerError('BAD_ARGUMENT', 'waybill replay needs --org ID; see --help');
    if (!isChainName(orgid)) {
      throw new ConsumerError(
        'BAD_ARGUMENT',
        `--org is ${JSON.stringify(orgid)}: expected ${ORGID_PATTERN.source}, ${SYSTEM_CHAIN} or ${UNATTRIBUTED_CHAIN}`,
      );
    }
    const fromSeq = wholeNumber('from-seq', values.text('from-seq'), 1);
    const stop = new AbortController();
    const onSignal = (): void => stop.abort();
    process.once('SIGINT', onSignal).once('SIGTERM', onSignal);
    try {
      await withNats(context, async (nc, { settings }) => {
        for await (const lines of replay(nc, settings, {
          orgid,
          fromSeq,
          follow: values.flag('follow'),
          // The write that fails may be the last for long: whoever waits for the next entry has to hear of it.
          signal: AbortSignal.any([stop.signal, output.readerGone]),
        })) {
          await output.lines(lines);
        }
      });
    } finally {
      process.off('SIGINT', onSignal).off('SIGTERM', onSignal);
    }
    return 0;
  },
};
