import type { NatsConnection } from '@nats-io/nats-core';
import { ConsumerError } from '../errors.ts';
import type { Settings } from '../settings.ts';
import { readHead } from '../ledger/chain-head.ts';
import { checkOrganization } from '../ledger/chain-name.ts';
import { type Step, STEPS } from '../usage/calendar.ts';
import { usage, usageOfAll, type UsageReport } from '../usage/usage.ts';
import type { Usage } from '../usage/usage-answer.ts';
import { usageCsv } from '../usage/usage-csv.ts';
import type { UsageNotice, UsageQuery } from '../usage/usage-query.ts';
import { type Command, type CommandContext, oneOf, type Values, wholeNumber } from './command.ts';
import { checkMustExist, MUST_EXIST, sayNoChain } from './no-chain.ts';
import { clockNote, usageTable } from './usage-text.ts';
import { withNats } from './with-nats.ts';

const FORMATS = ['table', 'json', 'csv'] as const;
type Format = (typeof FORMATS)[number];

export const usageCommand: Command = {
  name: 'usage',
  summary: 'What organizations uploaded, downloaded and did not have to upload',
  help: `Usage: waybill usage (--org ID[,ID…] [--must-exist] | --all) [--period P | [--from T] [--to T]] [--zone ZONE]
                     [--step hour|day|week|month] [--require-final] [--wait SECONDS] [--as-of POSITION]
                     [--format table|json|csv]

What was uploaded, downloaded and deduplicated, from --from (inclusive) to --to (exclusive), by the time at which the
stream of events received it. Without --from: since the beginning. Without --to: all that is chained so far.

  --org ID         one organization; one that has no chain has used nothing, and a note says so. With commas: several,
                   and their sum
  --must-exist     with --org: an error when there is no such chain, instead of a note
  --all            every organization that had a chain before --to, and their sum
  --period P       a month (2026-11), year (2026), week (2026-W48) or day (2026-11-30) of the zone's calendar
  --from T, --to T RFC 3339 with an offset (2026-07-01T00:00:00+02:00), or a date or time in the zone (2026-07-01: where
                   that day begins; 2026-07-01T06:00)
  --zone ZONE      time zone of the IANA database, for dates and windows (default UTC)
  --step STEP      also one window for each hour, day, week (from Monday) or month of the zone's calendar, at most 1,000
  --require-final  print nothing and exit with 75 when the answer may still change
  --wait SECONDS   wait so long at most for a final answer (default 0)
  --as-of POSITION as_of of an earlier answer, which is repeated byte for byte; or a sequence number of the ledger
  --format F       table (default), json or csv (without the sum); --json is short for --format json
  -h, --help       this text

A size that is not known is counted under "unknown" and is in no sum of bytes. An answer is final when everything
received before --to is chained: then it is the same whenever it is asked for.

JSON: one object for one --org; for several and for --all one with organizations and sum. Numbers are decimal strings.
Exit codes: 0, also when the answer is not final yet; 75 with --require-final when it is not; others as listed in
docs/reference/cli.md.`,
  options: {
    org: { type: 'string' },
    all: { type: 'boolean' },
    period: { type: 'string' },
    from: { type: 'string' },
    to: { type: 'string' },
    zone: { type: 'string' },
    step: { type: 'string' },
    'as-of': { type: 'string' },
    'require-final': { type: 'boolean' },
    wait: { type: 'string' },
    format: { type: 'string' },
    json: { type: 'boolean' },
    ...MUST_EXIST,
  },
  meant: { csv: '--format csv', table: '--format table', timezone: '--zone', tz: '--zone', month: '--period' },
  async run(context) {
    const { values, output } = context;
    const given = oneOf(values, 'usage', ['org', 'all']);
    const orgids = given === null ? null : given.split(',');
    for (const orgid of orgids ?? []) checkOrganization('--org', orgid);
    checkMustExist(values, given);
    const format = formatOf(values);
    const notices: UsageNotice[] = [];
    const query = queryOf(values, (notice) => notices.push(notice));
    const answer = await withNats(context, (nc, { settings }) => ask(context, nc, { settings, orgids, query }));
    if (format === 'json') await output.json(answer);
    else if (format === 'table') await output.text(usageTable(answer));
    else await output.lines(usageCsv(answer));
    const [notFinal, clock] = [notices.find(({ kind }) => kind === 'not_final'), clockNote(notices)];
    if (notFinal?.kind === 'not_final' && format !== 'json') output.note(`not final: ${notFinal.reason}`);
    // JSON has it as a member, unless the answer is final.
    if (clock !== null && (answer.final || format !== 'json')) output.note(clock);
    return 0;
  },
};

function queryOf(values: Values, onNotice: (notice: UsageNotice) => void): UsageQuery {
  return {
    from: values.text('from'),
    to: values.text('to'),
    period: values.text('period'),
    zone: values.text('zone'),
    step: stepOf(values.text('step')),
    asOf: values.text('as-of'),
    requireFinal: values.flag('require-final'),
    waitMs: wholeNumber('wait', values.text('wait'), 0) * 1000,
    onNotice,
  };
}

async function ask(
  context: CommandContext,
  nc: NatsConnection,
  { settings, orgids, query }: { settings: Settings; orgids: readonly string[] | null; query: UsageQuery },
): Promise<Usage | UsageReport> {
  if (orgids === null) return usageOfAll(nc, settings, query);
  const [orgid = '', ...more] = orgids;
  const answer =
    more.length === 0
      ? await usage(nc, settings, { ...query, orgid })
      : await usageOfAll(nc, settings, { ...query, orgids });
  const found = new Set(
    ('organizations' in answer ? answer.organizations : [answer]).flatMap(({ orgid: one, boundary }) =>
      boundary.to === null ? [] : [one],
    ),
  );
  for (const one of orgids) if (!found.has(one)) await sayNothing(context, nc, { settings, orgid: one, to: answer.to });
  return answer;
}

function stepOf(text: string | undefined): Step | undefined {
  if (text === undefined) return undefined;
  return pick('step', STEPS, text);
}

function formatOf(values: Values): Format {
  return pick('format', FORMATS, values.text('format') ?? (values.flag('json') ? 'json' : 'table'));
}

function pick<T extends string>(name: string, known: readonly T[], given: string): T {
  const found = known.find((one) => one === given);
  if (found !== undefined) return found;
  throw new ConsumerError('BAD_ARGUMENT', `--${name} is ${JSON.stringify(given)}: expected one of ${known.join(', ')}`);
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
