import type { NatsConnection } from '@nats-io/nats-core';
import { ConsumerError } from '../errors.ts';
import type { Settings } from '../settings.ts';
import { readHead } from '../ledger/chain-head.ts';
import { checkOrganization } from '../ledger/chain-name.ts';
import { usage, usageOfAll } from '../usage/usage.ts';
import { type Command, type CommandContext, oneOf, type Values } from './command.ts';
import { checkMustExist, MUST_EXIST, sayNoChain } from './no-chain.ts';
import { clockNote, usageCsv, usageTable } from './usage-text.ts';
import { withNats } from './with-nats.ts';

const FORMATS = ['table', 'json', 'csv'] as const;
type Format = (typeof FORMATS)[number];

export const usageCommand: Command = {
  name: 'usage',
  summary: 'What organizations uploaded, downloaded and did not have to upload',
  help: `Usage: waybill usage (--org ID [--must-exist] | --all) [--from T] [--to T] [--format table|json|csv]

What was uploaded, downloaded and deduplicated, from --from (inclusive) to --to (exclusive), by the time at which the
stream of events received it. Without --from: since the beginning. Without --to: all that is chained so far.

  --org ID         one organization; one that has no chain has used nothing, and a note says so
  --must-exist     with --org: an error when there is no such chain, instead of a note
  --all            every organization that had a chain before --to, and their sum
  --from T, --to T RFC 3339 with a zone (2026-07-01T00:00:00+02:00), or a date (2026-07-01: its midnight in UTC)
  --format F       table (default), json or csv (without the sum); --json is short for --format json
  -h, --help       this text

A size that is not known is counted under "unknown" and is in no sum of bytes. An answer is final when everything
received before --to is chained: then it is the same whenever it is asked for.

JSON: one object for --org; { from, to, final, organizations, sum } for --all. Numbers are decimal strings.
Exit codes: 0, also when the answer is not final yet; 64 and above as listed in docs/reference/cli.md.`,
  options: {
    org: { type: 'string' },
    all: { type: 'boolean' },
    from: { type: 'string' },
    to: { type: 'string' },
    format: { type: 'string' },
    json: { type: 'boolean' },
    ...MUST_EXIST,
  },
  meant: { csv: '--format csv', table: '--format table' },
  async run(context) {
    const { values, output } = context;
    const orgid = oneOf(values, 'usage', ['org', 'all']);
    if (orgid !== null) checkOrganization('--org', orgid);
    checkMustExist(values, orgid);
    const format = formatOf(values);
    const window = { from: values.text('from'), to: values.text('to') };
    const answer = await withNats(context, async (nc, { settings }) => {
      if (orgid === null) return usageOfAll(nc, settings, window);
      const one = await usage(nc, settings, { ...window, orgid });
      if (one.boundary.to === null) await sayNothing(context, nc, { settings, orgid, to: one.to });
      return one;
    });
    if (format === 'json') await output.json(answer);
    else if (format === 'csv') await output.lines(usageCsv(answer));
    else await output.text(usageTable(answer));
    if (!answer.final && format !== 'json') output.note(`not final: ${answer.pending}`);
    if (answer.clock_ahead !== undefined && format !== 'json') output.note(clockNote(answer));
    return 0;
  },
};

function formatOf(values: Values): Format {
  const given = values.text('format') ?? (values.flag('json') ? 'json' : 'table');
  const format = FORMATS.find((name) => name === given);
  if (!format)
    throw new ConsumerError(
      'BAD_ARGUMENT',
      `--format is ${JSON.stringify(given)}: expected one of ${FORMATS.join(', ')}`,
    );
  return format;
}

/** Says in a note why the answer is nothing. */
async function sayNothing(
  context: CommandContext,
  nc: NatsConnection,
  { settings, orgid, to }: { settings: Settings; orgid: string; to: string | null },
): Promise<void> {
  if ((await readHead(nc, settings, orgid)) === null) return sayNoChain(context, nc, { settings, orgid });
  context.output.note(`waybill: nothing of ${orgid} is chained before ${to ?? 'now'}`);
}
