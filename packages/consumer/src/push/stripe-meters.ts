import { isJsonObject, type Json, type JsonObject } from '@waybill/schema/internal';
import { ConsumerError } from '../errors.ts';
import { type EngineHttp, shown } from './engine-http.ts';
import { jsonMember, textMember } from './json-member.ts';

/** A meter of Stripe, as far as pushing needs it. */
export interface StripeMeter {
  readonly id: string;
  /** The members of `payload` that hold the customer and the value. */
  readonly customerKey: string;
  readonly valueKey: string;
}

/**
 * The active meters of these names (`event_name`).
 *
 * @throws ConsumerError ENGINE_REFUSED when there is none, or it would not add values up
 */
export async function activeMeters(http: EngineHttp, names: readonly string[]): Promise<Map<string, StripeMeter>> {
  const found = new Map<string, JsonObject>();
  for (let after = ''; ;) {
    const path = `/v1/billing/meters?status=active&limit=100${after && `&starting_after=${encodeURIComponent(after)}`}`;
    const { status, json, text } = await http.request({ method: 'GET', path });
    if (status !== 200 || !isJsonObject(json) || !Array.isArray(json['data']))
      throw refused(`Stripe does not list its meters: ${status} ${shown(text)}`);
    const page = json['data'].filter((one: Json) => isJsonObject(one));
    for (const meter of page) found.set(textMember(meter, 'event_name') ?? '', meter);
    after = textMember(page.at(-1), 'id') ?? '';
    if (json['has_more'] !== true || after === '') break;
  }
  return new Map(names.map((name) => [name, meterOf(name, found.get(name))]));
}

function meterOf(name: string, meter: JsonObject | undefined): StripeMeter {
  if (!meter) throw refused(`Stripe has no active meter whose event_name is ${name}`);
  const { id, default_aggregation: aggregation, event_time_window: overwrites } = meter;
  const formula = jsonMember(aggregation, 'formula');
  if (formula !== 'sum')
    throw refused(`Stripe's meter ${name} has the formula ${JSON.stringify(formula)}: expected sum`);
  if (overwrites !== null && overwrites !== undefined)
    throw refused(`Stripe's meter ${name} is pre-aggregated by ${JSON.stringify(overwrites)}: expected raw events`);
  const customerKey = jsonMember(meter['customer_mapping'], 'event_payload_key');
  const valueKey = jsonMember(meter['value_settings'], 'event_payload_key');
  if (typeof id === 'string' && typeof customerKey === 'string' && typeof valueKey === 'string')
    return { id, customerKey, valueKey };
  throw refused(`Stripe's meter ${name} has no id, customer_mapping or value_settings`);
}

function refused(message: string): ConsumerError {
  return new ConsumerError('ENGINE_REFUSED', message);
}
