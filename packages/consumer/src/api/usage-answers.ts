/** `usage.get` and `usage.all`. */
import type { Input } from '@waybill/schema/api';
import { ConsumerError } from '../errors.ts';
import { readHead } from '../ledger/chain-head.ts';
import { usage, usageOfAll, type UsageReport } from '../usage/usage.ts';
import type { Usage } from '../usage/usage-answer.ts';
import { usageCsv } from '../usage/usage-csv.ts';
import type { UsageQuery } from '../usage/usage-query.ts';
import { DEFAULT_LIMIT } from './organization-answers.ts';
import type { Asked, WholeAnswer } from './reader.ts';
import { noOrganization, visibleOf } from './sight.ts';
import { jsonText } from './whole-answer.ts';
import { withinTime } from './within-time.ts';

export async function getUsage(asked: Asked<Input<'usage.get'>>): Promise<WholeAnswer> {
  const { reader, input } = asked;
  const { orgid } = input;
  return inTime(asked, async () => {
    const answer = await usage(reader.nc, reader.settings, { ...queryOf(input), orgid });
    // Who has an entry before the end has a chain.
    if (answer.boundary.to === null && (await readHead(reader.nc, reader.settings, orgid)) === null)
      throw noOrganization(orgid);
    return written(asked, answer);
  });
}

export async function getUsageOfAll(asked: Asked<Input<'usage.all'>>): Promise<WholeAnswer> {
  const { reader, input, principal } = asked;
  const orgids = visibleOf(principal, input.organizations);
  const limit = Number(input.limit ?? DEFAULT_LIMIT);
  return inTime(asked, async () => {
    const query = { ...queryOf(input), orgids, after: input.after, limit };
    return written(asked, await usageOfAll(reader.nc, reader.settings, query));
  });
}

function inTime(
  { reader, principal, input: { wait = '0' } }: Asked<Pick<Input<'usage.all'>, 'wait'>>,
  work: () => Promise<WholeAnswer>,
): Promise<WholeAnswer> {
  const release = wait === '0' ? reader.slots.take('query') : reader.slots.take('wait', principal.id);
  return withinTime(reader.limits.queryMs + Number(wait) * 1000, release, inTermsOfTheApi(work()));
}

function queryOf(input: Omit<Input<'usage.get'>, 'orgid'>): UsageQuery {
  const { from, to, period, zone, step, as_of: asOf, require_final: requireFinal, wait = '0' } = input;
  return { from, to, period, zone, step, asOf, requireFinal: requireFinal === 'true', waitMs: Number(wait) * 1000 };
}

/** Errors name the parameter as it was given. */
async function inTermsOfTheApi<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (!(error instanceof ConsumerError) || error.code !== 'BAD_ARGUMENT') throw error;
    const message = error.message
      .replace(/^asOf /, 'as_of ')
      .replace(/^waitMs is (\d+)/, (_, ms: string) => `wait is ${Number(ms) / 1000}`);
    throw new ConsumerError(error.code, message, { cause: error });
  }
}

/** Not noted as a read: that would be an event in the chain, and the next answer would count it. */
function written({ form }: Asked<unknown>, answer: Usage | UsageReport): WholeAnswer {
  const next = 'next' in answer ? answer.next : undefined;
  const isCsv = form === 'text/csv';
  return {
    kind: 'whole',
    form,
    text: isCsv ? `${usageCsv(answer).join('\n')}\n` : jsonText(answer),
    isFinal: answer.final,
    ...(next !== undefined && { headers: { 'Waybill-Next': next } }),
  };
}
