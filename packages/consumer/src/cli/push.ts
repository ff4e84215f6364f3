import { readFile } from 'node:fs/promises';
import type { Config } from '../config/config.ts';
import { readSecretFile } from '../config/secret-file.ts';
import { ConsumerError } from '../errors.ts';
import { readHead } from '../ledger/chain-head.ts';
import { checkOrganization } from '../ledger/chain-name.ts';
import { parseCustomers } from '../push/customers.ts';
import { type EngineName, ENGINES } from '../push/engine.ts';
import { checkEngineUrl } from '../push/engine-url.ts';
import { parseMeters } from '../push/meters.ts';
import { type PlannedValue, planPush, push, type PushReport } from '../push/push.ts';
import { checkPushQuery, type PushQuery } from '../push/push-options.ts';
import { type Step, STEPS } from '../usage/calendar.ts';
import type { UsageNotice } from '../usage/usage-query.ts';
import { type Command, type CommandContext, oneOf, type CommandValues, wholeNumber } from './command.ts';
import { checkMustExist, MUST_EXIST, sayNoChain } from './no-chain.ts';
import { clockNote } from './usage-text.ts';
import { withNats } from './with-nats.ts';

export const pushCommand: Command = {
  name: 'push',
  summary: 'Usage of a period into a metering engine: OpenMeter, Lago or Stripe',
  help: `Usage: waybill push openmeter|lago|stripe (--org ID[,ID…] [--must-exist] | --all) (--period P | --from T --to T)
                    --journal FILE [--zone ZONE] [--step hour|day|week|month] [--meter METER[=NAME]]…
                    [--customers FILE] [--url URL] [--wait SECONDS] [--json]
       waybill push … --dry-run

Sends the usage of a period that is final to a metering engine: one value for each organization, meter and window that
has any. Doing it twice changes nothing. A run that was killed, or got no answer, is repeated with the same arguments.
No live engine was tried: the tests run against servers that do what the engines' public documents say.

  --org ID         one organization; with commas: several
  --must-exist     with --org: an error when there is no such chain, instead of a note
  --all            every organization that had a chain before the end of the period
  --period P       a month (2026-11), year (2026), week (2026-W48) or day (2026-11-30) of the zone's calendar
  --from T, --to T instead: RFC 3339 with an offset, or a date or time in the zone
  --zone ZONE      time zone of the IANA database (default UTC)
  --step STEP      one value for each hour, day (default), week (from Monday) or month; at most 1,000
  --meter METER[=NAME]
                   a meter to push, and the engine's name of it: OpenMeter's event type, Lago's code of the billable
                   metric, Stripe's event_name (default waybill_METER). Several are allowed: events, upload_bytes,
                   upload_count, download_bytes, download_count, deduplicated_bytes, deduplicated_count (default
                   upload_bytes and download_bytes). Every one of them has to add its values up in the engine
  --customers FILE JSON { "ID": "CUSTOMER" } with the engine's id of each organization: OpenMeter's subject, Lago's
                   external_subscription_id, Stripe's customer (cus_…); null: not pushed. Without it, the engine knows
                   organizations by their own names; Stripe needs it
  --journal FILE   what was pushed. Keep one for each account of an engine, for as long as the account
  --url URL        the engine's address: https, or http on this machine (default: its public service)
  --wait SECONDS   wait so long at most until the period is final (default 0)
  --dry-run        print what would be sent, one JSON a line. Sends nothing, and reads and writes no journal
  --json           the report, with each value
  -h, --help       this text

The key is in WAYBILL_PUSH_KEY or in the file that WAYBILL_PUSH_KEY_FILE names. A value's time is the middle of its
window, to the second. Stripe takes integers, at most 35 days back.
Exit codes: 0; 69 when the engine does not answer (run it again); 73 when the engine or the journal has another value
for that time; 75 when the period is not final yet; 76 when the engine refuses; others as in docs/reference/cli.md.`,
  argument: 'ENGINE',
  options: {
    org: { type: 'string' },
    all: { type: 'boolean' },
    period: { type: 'string' },
    from: { type: 'string' },
    to: { type: 'string' },
    zone: { type: 'string' },
    step: { type: 'string' },
    meter: { type: 'string', multiple: true },
    customers: { type: 'string' },
    journal: { type: 'string' },
    url: { type: 'string' },
    wait: { type: 'string' },
    'dry-run': { type: 'boolean' },
    json: { type: 'boolean' },
    ...MUST_EXIST,
  },
  meant: {
    timezone: '--zone',
    tz: '--zone',
    month: '--period',
    key: 'WAYBILL_PUSH_KEY_FILE',
    'api-key': 'WAYBILL_PUSH_KEY_FILE',
  },
  async run(context) {
    const { values, output } = context;
    const notices: UsageNotice[] = [];
    const query = { ...(await queryOf(values)), onNotice: (notice: UsageNotice) => notices.push(notice) };
    const journal = values.text('journal');
    const isDry = values.flag('dry-run');
    if (isDry === (journal !== undefined))
      throw new ConsumerError('BAD_ARGUMENT', 'waybill push needs either --journal FILE or --dry-run; see --help');
    // What is wrong with the call is said before anybody is asked.
    checkPushQuery(query, 'planPush');
    const url = values.text('url');
    if (url !== undefined) checkEngineUrl('--url', url);
    await withNats(context, async (nc, config) => {
      const { settings } = config;
      for (const orgid of query.orgids ?? [])
        if ((await readHead(nc, settings, orgid)) === null) await sayNoChain(context, nc, { settings, orgid });
      if (journal === undefined) return output.lines((await planPush(nc, settings, query)).map(planLine));
      const account = { journal, url, key: keyOf(config) };
      return sayReport(context, await push(nc, settings, { ...query, ...account }));
    });
    const clock = clockNote(notices);
    if (clock !== null) output.note(clock);
    return 0;
  },
};

async function queryOf(values: CommandValues): Promise<PushQuery> {
  const given = oneOf(values, 'push', ['org', 'all']);
  const orgids = given?.split(',');
  for (const orgid of orgids ?? []) checkOrganization('--org', orgid);
  checkMustExist(values, given);
  const customers = values.text('customers');
  return {
    engine: engineOf(values.words[0] ?? ''),
    orgids,
    period: values.text('period'),
    from: values.text('from'),
    to: values.text('to'),
    zone: values.text('zone'),
    step: stepOf(values.text('step')),
    waitMs: wholeNumber('wait', values.text('wait'), 0) * 1000,
    meters: parseMeters('--meter', values.all('meter')),
    ...(customers !== undefined && { customers: await readCustomers(customers) }),
  };
}

function engineOf(given: string): EngineName {
  const engine = ENGINES.find((one) => one === given);
  if (engine) return engine;
  throw new ConsumerError(
    'BAD_ARGUMENT',
    `waybill push knows no engine ${JSON.stringify(given)}: expected one of ${ENGINES.join(', ')}`,
  );
}

function stepOf(given: string | undefined): Step | undefined {
  const step = STEPS.find((one) => one === given);
  if (given === undefined || step !== undefined) return step;
  throw new ConsumerError('BAD_ARGUMENT', `--step is ${JSON.stringify(given)}: expected one of ${STEPS.join(', ')}`);
}

async function readCustomers(file: string): Promise<Record<string, string | null>> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (cause) {
    throw new ConsumerError('CANNOT_READ', `could not read ${file}: ${(cause as Error).message}`, { cause });
  }
  return Object.fromEntries(parseCustomers(`--customers ${file}`, text));
}

function keyOf({ push: { key, keyFile } }: Config): string | undefined {
  if (keyFile === null) return key ?? undefined;
  return readSecretFile('WAYBILL_PUSH_KEY_FILE', keyFile).toString('utf8').trim();
}

function planLine({ at, ...value }: PlannedValue): string {
  return JSON.stringify({ ...value, at: new Date(at).toISOString() });
}

async function sayReport({ values, output }: CommandContext, report: PushReport): Promise<void> {
  if (report.unknown !== '0')
    output.note(`waybill: ${report.unknown} transfers of unknown size are in no value of bytes`);
  if (values.flag('json')) {
    const timed = report.values.map(({ at, ...value }) => ({ ...value, at: new Date(at).toISOString() }));
    return output.json({ ...report, values: timed });
  }
  const { engine, from, to, zone, sent, found, before } = report;
  const lines = [
    `${engine}: ${count(sent)} sent, ${found} found there already, ${before} pushed before`,
    `received from ${from} to ${to}, ${zone}, final`,
  ];
  return output.text(lines);
}

function count(values: number): string {
  return values === 1 ? '1 value' : `${values} values`;
}
