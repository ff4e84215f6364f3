/** What Stripe has of values, by the event summaries of their meter. */
import { type Json, isJsonObject } from '@waybill/schema/internal';
import { ConsumerError } from '../errors.ts';
import { inParallel } from '../in-parallel.ts';
import { type Held, NOTHING, SAME } from './engine.ts';
import { type EngineHttp, shown } from './engine-http.ts';
import { jsonMember } from './json-member.ts';
import type { PushValue } from './push-value.ts';
import type { StripeMeter } from './stripe-meters.ts';

const AT_ONCE = 4;

/**
 * @param values of one customer and meter, whose windows begin and end on whole minutes
 * @returns in their order
 * @throws ConsumerError ENGINE_REFUSED, ENGINE_UNREACHABLE
 */
export async function heldByStripe(
  http: EngineHttp,
  meter: StripeMeter,
  values: readonly PushValue[],
): Promise<Held[]> {
  const [first] = values;
  if (!first) return [];
  const sumOf = (window: Pick<PushValue, 'from' | 'to'>): Promise<number> =>
    readSum(http, meter, { ...first, from: window.from, to: window.to });
  const from = values.reduce((least, { from }) => (from < least ? from : least), first.from);
  const to = values.reduce((most, { to }) => (to > most ? to : most), first.to);
  // Mostly nothing is there, and one question shows it.
  if ((await sumOf({ from, to })) === 0) return values.map(() => NOTHING);
  return inParallel(values, AT_ONCE, async (value) => {
    const sum = await sumOf(value);
    if (sum === 0) return NOTHING;
    return String(sum) === value.value ? SAME : { kind: 'other', what: `a sum of ${sum}` };
  });
}

async function readSum(http: EngineHttp, meter: StripeMeter, { customer, name, from, to }: PushValue): Promise<number> {
  const query = new URLSearchParams({
    customer,
    start_time: String(Date.parse(from) / 1000),
    end_time: String(Date.parse(to) / 1000),
  });
  const path = `/v1/billing/meters/${meter.id}/event_summaries?${query.toString()}`;
  const { status, json, text } = await http.request({ method: 'GET', path });
  const sum = status === 200 ? sumOfSummaries(json) : null;
  if (sum !== null) return sum;
  throw new ConsumerError(
    'ENGINE_REFUSED',
    `Stripe does not tell what ${customer} has at ${name}: ${status} ${shown(text)}`,
  );
}

/** null: not what the API says. */
function sumOfSummaries(json: Json): number | null {
  if (!isJsonObject(json) || !Array.isArray(json['data']) || json['has_more'] === true) return null;
  let sum = 0;
  for (const summary of json['data']) {
    const one = jsonMember(summary, 'aggregated_value');
    if (typeof one !== 'number') return null;
    sum += one;
  }
  return sum;
}
