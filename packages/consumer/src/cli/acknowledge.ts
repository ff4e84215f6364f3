import { type AcknowledgedLoss, acknowledge } from '../control/acknowledge.ts';
import { type Loss, nameOf } from '../control/loss-plan.ts';
import { ConsumerError } from '../errors.ts';
import { type Command, type Values, wholeNumber } from './command.ts';
import { readReportedLosses } from './read-report.ts';
import { withNats } from './with-nats.ts';

export const acknowledgeCommand: Command = {
  name: 'acknowledge',
  summary: 'Say that a loss is known, and why, so that verify does not report it again',
  help: `Usage: waybill acknowledge --org ID (--missing PRODUCER:FIRST[-LAST] | --end PRODUCER:LAST | --report FILE)…
                           --by WHO --reason TEXT [--dry-run] [--wait SECONDS] [--json]

Events that a publisher lost make every verification \`incomplete\`, for ever. Once somebody knows why, this says so in a
message of the stream of events, and the writer chains it. \`waybill verify\` then says \`ok, n acknowledged losses\`, and
lists each with its reason. It covers exactly these numbers: what is lost later is reported again. What is not lost is
refused. Doing it twice is doing it once. Needs the identity of an operator (\`admin\` in deploy/nats-server.conf).

  --org ID                      the organization whose chain lacks the events; _unattributed is one
  --missing PRODUCER:FIRST[-LAST]
                                numbers that \`waybill verify\` lists as never arrived. Several are allowed
  --end PRODUCER:LAST           a publisher that verify lists as open, with its last number, and that is gone for good.
                                Several are allowed
  --report FILE                 everything that is missing in the chain by a report of \`waybill verify --json\`; - for
                                the standard input. It names no ends: a service that runs is open too
  --by WHO                      who knows it: a person, a ticket
  --reason TEXT                 what happened, for whoever verifies the chain
  --dry-run                     say what would be acknowledged, and say nothing in the stream
  --wait SECONDS                how long to wait until it is chained (default 5); 0: do not wait
  --json                        [{ producer, first, last, known, message }]: known is the record that acknowledged it
                                before, message the number of the new message in the stream; null where there is none
  -h, --help                    this text

Exit codes: 0; 65 when something is not lost, and then nothing is acknowledged; 75 when it is stored and not chained in
time; 64 and above as listed in docs/reference/cli.md.`,
  options: {
    org: { type: 'string' },
    missing: { type: 'string', multiple: true },
    end: { type: 'string', multiple: true },
    report: { type: 'string' },
    by: { type: 'string' },
    reason: { type: 'string' },
    'dry-run': { type: 'boolean' },
    wait: { type: 'string' },
    json: { type: 'boolean' },
  },
  async run(context) {
    const { values, output } = context;
    const orgid = required(values, 'org', 'ID');
    const [by, reason] = [required(values, 'by', 'WHO'), required(values, 'reason', 'TEXT')];
    const waitMs = wholeNumber('wait', values.text('wait'), 5) * 1000;
    const dryRun = values.flag('dry-run');
    const losses = await namedLosses(values, orgid);
    const done = await withNats(context, (nc, { settings, streamMode }) =>
      acknowledge(nc, settings, { orgid, losses, by, reason, dryRun, waitMs, bind: streamMode === 'bind' }),
    );
    if (values.flag('json')) await output.json(done);
    else await output.text(done.map((one) => describe(orgid, one)));
    return 0;
  },
};

async function namedLosses(values: Values, orgid: string): Promise<Loss[]> {
  const report = values.text('report');
  const losses = [
    ...values.all('missing').map(readMissing),
    ...values.all('end').map(readEnd),
    ...(report === undefined ? [] : await readReportedLosses(report, orgid)),
  ];
  if (losses.length > 0) return losses;
  throw new ConsumerError(
    'BAD_ARGUMENT',
    'waybill acknowledge needs --missing PRODUCER:FIRST[-LAST], --end PRODUCER:LAST or --report FILE: what `waybill verify` lists',
  );
}

const NUMBERED = /^([A-Za-z0-9][A-Za-z0-9_-]{0,63}):(\d{1,16})(?:-(\d{1,16}))?$/;

/** @throws ConsumerError BAD_ARGUMENT */
function readMissing(text: string): Loss {
  const [, producer, from, to] = NUMBERED.exec(text) ?? [];
  const [first, last] = [Number(from), Number(to ?? from)];
  if (producer !== undefined && isNumber(first) && isNumber(last) && first <= last) return { producer, first, last };
  throw badOption('missing', text, 'PRODUCER:FIRST-LAST or PRODUCER:NUMBER');
}

/** @throws ConsumerError BAD_ARGUMENT */
function readEnd(text: string): Loss {
  const [, producer, last, more] = NUMBERED.exec(text) ?? [];
  if (producer !== undefined && more === undefined && isNumber(Number(last) + 1))
    return { producer, first: Number(last) + 1, last: null };
  throw badOption('end', text, 'PRODUCER:LAST, its last number');
}

function isNumber(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 1;
}

function badOption(name: string, text: string, expected: string): ConsumerError {
  return new ConsumerError('BAD_ARGUMENT', `--${name} is ${JSON.stringify(text)}: expected ${expected}`);
}

/** @throws ConsumerError BAD_ARGUMENT */
function required(values: Values, name: string, what: string): string {
  const value = values.text(name);
  if (value !== undefined && value.trim() !== '') return value;
  throw new ConsumerError('BAD_ARGUMENT', `waybill acknowledge needs --${name} ${what}; see --help`);
}

function describe(orgid: string, one: AcknowledgedLoss): string {
  const { known, message } = one;
  const what = `${orgid}: ${nameOf(one)}`;
  if (known) return `known         ${what}: entry ${known.seq} of _system says so (${known.by}: ${known.reason})`;
  return message === null ? `would say     ${what}` : `acknowledged  ${what}, message ${message}`;
}
