/**
 * The `push/` room: final usage as values in a metering engine. Usage comes in, requests to an engine and lines of a
 * journal go out. It computes no usage, and never writes to NATS.
 *
 * A run that was ended at any step is repeated with the same arguments, and no value counts twice. Crash order:
 *
 * 1. The journal is locked, and all values are computed and compared with it. Nothing is sent.
 * 2. What the engine has of those that are not confirmed is read from the engine, and noted. Whatever cannot be pushed
 *    ends the run here, before anything is sent.
 * 3. For each batch: intents are on disk, then it is sent, then its outcomes are on disk. A crash after the intents
 *    leaves values of which nobody knows; step 2 of the next run finds out.
 *
 * docs/adr/0099 says why. No live engine was tried.
 */
import type { NatsConnection } from '@nats-io/nats-core';
import type { JsonObject } from '@waybill/schema/internal';
import { ConsumerError } from '../errors.ts';
import { inParallel } from '../in-parallel.ts';
import type { Settings } from '../settings.ts';
import { usageOfAll, type UsageReport } from '../usage/usage.ts';
import { already, compareJournal } from './compare-journal.ts';
import { customerOf } from './customers.ts';
import { type Candidate, type Engine, type EngineName, type EngineOptions, type Held, NOTHING } from './engine.ts';
import { createEngineHttp } from './engine-http.ts';
import { type Journal, openJournal } from './journal.ts';
import { lockJournal } from './journal-lock.ts';
import { createLago } from './lago.ts';
import { createOpenMeter } from './openmeter.ts';
import { checkAccount, type CheckedPush, checkPushQuery, type PushOptions, type PushQuery } from './push-options.ts';
import { describeValue, type PushValue, valuesOf } from './push-value.ts';
import { createStripe } from './stripe.ts';

/** `before`: an earlier run pushed it. `found`: the engine had it, and the journal did not say so. */
export type PushState = 'sent' | 'found' | 'before';

export interface PushReport {
  readonly engine: EngineName;
  readonly from: string;
  readonly to: string;
  readonly zone: string;
  /** How many values are in which state. */
  readonly sent: number;
  readonly found: number;
  readonly before: number;
  /** Transfers of unknown size, of all organizations that were asked for: no value of bytes has them. */
  readonly unknown: string;
  /** Each value that is not 0. */
  readonly values: readonly (PushValue & { readonly state: PushState })[];
}

/** What would be pushed. */
export interface PlannedValue extends PushValue {
  /** What the engine would get. */
  readonly body: JsonObject;
}

const CREATE: Record<EngineName, (options: EngineOptions) => Engine> = {
  openmeter: createOpenMeter,
  lago: createLago,
  stripe: createStripe,
};
const CUSTOMERS_AT_ONCE = 4;

/**
 * The values that `push` would send to an engine that has nothing. It sends nothing, and reads no journal.
 *
 * @throws ConsumerError NOT_FINAL, BAD_ARGUMENT, ENGINE_REFUSED for what the engine does not take …
 */
export async function planPush(nc: NatsConnection, settings: Settings, query: PushQuery): Promise<PlannedValue[]> {
  const checked = checkPushQuery(query, 'planPush');
  const engine = CREATE[query.engine]({ http: { request: offline }, now: checked.now });
  const { values } = await planOf(nc, settings, { query, checked });
  checkFaults(engine, values);
  return values.map((value) => ({ ...value, body: engine.body(value) }));
}

/**
 * Pushes the usage of a final period: one value for each organization, meter and window that has any. Doing it twice
 * changes nothing.
 *
 * @throws ConsumerError NOT_FINAL, BAD_ARGUMENT, ALREADY_PUSHED, ENGINE_REFUSED (the other values were pushed),
 *   ENGINE_UNREACHABLE (do it again), JOURNAL_LOCKED, JOURNAL_DAMAGED, CANNOT_CREATE …
 */
export async function push(nc: NatsConnection, settings: Settings, options: PushOptions): Promise<PushReport> {
  const checked = checkPushQuery(options, 'push');
  const { mode, ...account } = checkAccount(options);
  const { engine: name, journal: file } = options;
  using _ = lockJournal(file);
  const { values, report } = await planOf(nc, settings, { query: options, checked });
  await using journal = await openJournal(file, { engine: name, url: account.url, mode }, checked.now);
  const { before, open } = compareJournal(values, journal.records);
  const engine = CREATE[name]({ http: createEngineHttp(account), now: checked.now });
  const found = open.length === 0 ? [] : await findHeld(engine, journal, { open, checked });
  const isFound = new Set(found);
  const toSend = open.filter(({ value }) => !isFound.has(value));
  const there: string[] = [];
  for (let i = 0; i < toSend.length; i += engine.batch)
    there.push(...(await sendBatch(engine, journal, toSend.slice(i, i + engine.batch))));
  checkRefused(journal, toSend);
  const states = new Map<string, PushState>([
    ...before.map(({ id }) => [id, 'before'] as const),
    ...[...found.map(({ id }) => id), ...there].map((id) => [id, 'found'] as const),
  ]);
  return {
    engine: name,
    from: report.from ?? '',
    to: report.to ?? '',
    zone: report.zone,
    sent: toSend.length - there.length,
    found: found.length + there.length,
    before: before.length,
    unknown: unknownOf(report),
    values: values.map((value) => ({ ...value, state: states.get(value.id) ?? 'sent' })),
  };
}

async function planOf(
  nc: NatsConnection,
  settings: Settings,
  { query, checked }: { query: PushQuery; checked: CheckedPush },
): Promise<{ values: PushValue[]; report: UsageReport }> {
  const { orgids, period, from, to, zone, step = 'day', waitMs } = query;
  const question = { orgids, period, from, to, zone, step, waitMs, requireFinal: true, onNotice: query.onNotice };
  const report = await usageOfAll(nc, settings, question);
  const values = report.organizations.flatMap((usage) => {
    const own = valuesOf(usage, checked.names, '');
    const customer = own.length === 0 ? null : customerOf(checked.customers, usage.orgid);
    return customer === null ? [] : own.map((value) => ({ ...value, customer }));
  });
  return { values, report };
}

function unknownOf({ sum: { uploads, downloads, deduplicated } }: UsageReport): string {
  return String(BigInt(uploads.unknown) + BigInt(downloads.unknown) + BigInt(deduplicated.unknown));
}

/**
 * Asks the engine what it has, and notes it.
 *
 * @returns the values that it has
 * @throws ConsumerError ALREADY_PUSHED, ENGINE_REFUSED: nothing was sent
 */
async function findHeld(
  engine: Engine,
  journal: Journal,
  { open, checked }: { open: readonly Candidate[]; checked: CheckedPush },
): Promise<PushValue[]> {
  // What was never sent is refused before anybody is asked.
  checkFaults(
    engine,
    open.filter(({ isUnsettled }) => !isUnsettled).map(({ value }) => value),
  );
  await engine.prepare(Object.values(checked.names));
  const groups = [...Map.groupBy(open, ({ value }) => value.customer).values()];
  const held = await inParallel(groups, CUSTOMERS_AT_ONCE, (group) => engine.held(group));
  const pairs = groups.flatMap((group, at) =>
    group.map((candidate, index) => ({ candidate, held: held[at]?.[index] ?? NOTHING })),
  );
  const same = pairs.filter(({ held }) => held.kind === 'same').map(({ candidate }) => candidate);
  await journal.intend(same.filter(({ isUnsettled }) => !isUnsettled).map(({ value }) => value));
  await journal.confirm(
    same.map(({ value }) => value.id),
    'found',
  );
  for (const { candidate, held } of pairs) checkHeld(candidate.value, held);
  checkFaults(
    engine,
    pairs.filter(({ held }) => held.kind === 'nothing').map(({ candidate }) => candidate.value),
  );
  return same.map(({ value }) => value);
}

function checkHeld(value: PushValue, held: Held): void {
  if (held.kind === 'other')
    throw already(`${describeValue(value)}: the engine has ${held.what} there. Nothing was sent`);
  if (held.kind === 'unknowable')
    throw already(
      `${describeValue(value)}: it was sent, no answer came, and ${held.why}. Nothing was sent: look there, and correct it there`,
    );
}

/** @returns the ids of those that the engine had already */
async function sendBatch(engine: Engine, journal: Journal, batch: readonly Candidate[]): Promise<string[]> {
  await journal.intend(batch.map(({ value }) => value));
  const outcomes = await engine.send(batch.map(({ value }) => value));
  const accepted: string[] = [];
  const there: string[] = [];
  const refused: { id: string; why: string }[] = [];
  let unknown: string | null = null;
  for (const [index, { value }] of batch.entries()) {
    const outcome = outcomes[index] ?? { kind: 'unknown', why: 'no outcome' };
    if (outcome.kind === 'refused') refused.push({ id: value.id, why: outcome.why });
    else if (outcome.kind === 'unknown') unknown = outcome.why;
    else (outcome.kind === 'there' ? there : accepted).push(value.id);
  }
  await journal.confirm(accepted, 'sent');
  await journal.confirm(there, 'found');
  await journal.refuse(refused);
  if (unknown !== null) throw new ConsumerError('ENGINE_UNREACHABLE', unknown);
  return there;
}

/** @throws ConsumerError ENGINE_REFUSED naming the first, with what the engine said */
function checkRefused(journal: Journal, sent: readonly Candidate[]): void {
  const refused = sent.filter(({ value }) => journal.records.get(value.id)?.state === 'refused');
  const [first] = refused;
  if (!first) return;
  const { why = '' } = journal.records.get(first.value.id) ?? {};
  const more = refused.length > 1 ? ` (and ${refused.length - 1} more, see the journal)` : '';
  throw new ConsumerError(
    'ENGINE_REFUSED',
    `the engine refuses ${describeValue(first.value)}: ${why}${more}. All others were pushed`,
  );
}

/** @throws ConsumerError ENGINE_REFUSED naming the first */
function checkFaults(engine: Engine, values: readonly PushValue[]): void {
  for (const value of values) {
    const fault = engine.fault(value);
    if (fault !== null)
      throw new ConsumerError('ENGINE_REFUSED', `${describeValue(value)}: ${fault}. Nothing was sent`);
  }
}

function offline(): Promise<never> {
  return Promise.reject(new Error('a plan asks nobody'));
}
