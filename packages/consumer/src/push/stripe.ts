/**
 * Stripe: one meter event a request, whose `identifier` it remembers for at least 24 hours and no longer. So the meter's
 * event summaries are read before anything is sent, and tell whether a window has its value already. For this a meter
 * has to be fed by Waybill alone.
 *
 * Source: https://docs.stripe.com/api/billing/meter-event/create (integers as strings, at most 35 days back),
 * …/meter-event-summary/list (ends of windows on whole minutes; sums appear some time after the events) and
 * …/meter/object. A repeated identifier is answered by 400, "An event already exists with identifier …".
 */
import { randomUUID } from 'node:crypto';
import { isJsonObject, type Json, type JsonObject } from '@waybill/schema/internal';
import { ConsumerError } from '../errors.ts';
import { inParallel } from '../in-parallel.ts';
import { ACCEPTED, type Engine, type EngineOptions, type Held, NOTHING, type Outcome, SAME } from './engine.ts';
import { shown } from './engine-http.ts';
import type { PushValue } from './push-value.ts';
import { activeMeters, type StripeMeter } from './stripe-meters.ts';

/** 35 days, with an hour for clocks that differ and a run that takes long. */
const MAX_AGE_MS = (35 * 24 - 1) * 3_600_000;
const MINUTE_MS = 60_000;
const AT_ONCE = 4;
const CUSTOMER = /^cus_[A-Za-z0-9_]{1,200}$/;
const DEFAULT_METER: StripeMeter = { id: '', customerKey: 'stripe_customer_id', valueKey: 'value' };

export function createStripe({ http, now }: EngineOptions): Engine {
  let meters: ReadonlyMap<string, StripeMeter> = new Map();

  async function sumOf(first: PushValue, { from, to }: Pick<PushValue, 'from' | 'to'>): Promise<number> {
    const query = new URLSearchParams({
      customer: first.customer,
      start_time: String(Date.parse(from) / 1000),
      end_time: String(Date.parse(to) / 1000),
    });
    const meter = meters.get(first.name) ?? DEFAULT_METER;
    const path = `/v1/billing/meters/${meter.id}/event_summaries?${query.toString()}`;
    const { status, json, text } = await http.request({ method: 'GET', path });
    const sum = status === 200 ? sumOfSummaries(json) : null;
    if (sum !== null) return sum;
    throw new ConsumerError(
      'ENGINE_REFUSED',
      `Stripe does not tell what ${first.customer} has at ${first.name}: ${status} ${shown(text)}`,
    );
  }

  /** Of one customer and meter. Mostly nothing is there, and one question shows it. */
  async function heldOf(values: readonly PushValue[]): Promise<Held[]> {
    const [first] = values;
    if (!first) return [];
    const from = values.reduce((least, { from }) => (from < least ? from : least), first.from);
    const to = values.reduce((most, { to }) => (to > most ? to : most), first.to);
    if ((await sumOf(first, { from, to })) === 0) return values.map(() => NOTHING);
    return inParallel(values, AT_ONCE, async (value) => {
      const sum = await sumOf(value, value);
      if (sum === 0) return NOTHING;
      return String(sum) === value.value ? SAME : { kind: 'other', what: `a sum of ${sum}` };
    });
  }

  async function sendOne(value: PushValue): Promise<Outcome> {
    const { status, json, text } = await http.request({
      method: 'POST',
      path: '/v1/billing/meter_events',
      headers: {
        'content-type': 'application/x-www-form-urlencoded',
        // For the repetitions of this call only: Stripe repeats its first answer to a key, also a failure. A later run
        // relies on the identifier, and on the summaries.
        'idempotency-key': randomUUID(),
      },
      body: formOf(fieldsOf(value, meters.get(value.name) ?? DEFAULT_METER)),
    });
    if (status >= 200 && status < 300) return ACCEPTED;
    return isDuplicate(json)
      ? { kind: 'there' }
      : { kind: 'refused', why: `${status} ${shown(messageOf(json) ?? text)}` };
  }

  return {
    batch: 20,
    body: (value) => fieldsOf(value, meters.get(value.name) ?? DEFAULT_METER),
    fault: (value) => faultOf(value, now()),
    async prepare(names) {
      meters = await activeMeters(http, names);
    },
    async held(candidates) {
      const byName = Map.groupBy(candidates, ({ value }) => value.name);
      const held = new Map<string, Held>();
      for (const some of byName.values()) {
        const found = await heldOf(some.map(({ value }) => value));
        for (const [index, { value }] of some.entries()) held.set(value.id, found[index] ?? NOTHING);
      }
      return candidates.map(({ value }) => held.get(value.id) ?? NOTHING);
    },
    send(values) {
      let failure: string | null = null;
      return inParallel(values, AT_ONCE, async (value): Promise<Outcome> => {
        // Whoever does not answer one request is not asked the next.
        if (failure !== null) return { kind: 'unknown', why: failure };
        try {
          return await sendOne(value);
        } catch (error) {
          // The others of the batch have answers that must be kept.
          if (!(error instanceof ConsumerError) || error.code !== 'ENGINE_UNREACHABLE') throw error;
          failure = error.message;
          return { kind: 'unknown', why: error.message };
        }
      });
    },
  };
}

function faultOf({ customer, value, from, to, at }: PushValue, now: number): string | null {
  if (!CUSTOMER.test(customer)) return `the customer ${JSON.stringify(customer)} is no id of Stripe: expected cus_…`;
  if (BigInt(value) > BigInt(Number.MAX_SAFE_INTEGER))
    return 'the value is more than 2^53-1: Stripe tells sums as doubles, and could not be compared; use a shorter --step';
  if (Date.parse(from) % MINUTE_MS !== 0 || Date.parse(to) % MINUTE_MS !== 0)
    return 'the window does not begin and end on whole minutes, which Stripe needs to tell what it has';
  if (at < now - MAX_AGE_MS) return 'it is more than 35 days back, less an hour: Stripe takes nothing older';
  return null;
}

function fieldsOf(value: PushValue, meter: StripeMeter): JsonObject {
  return {
    event_name: value.name,
    identifier: value.id,
    timestamp: String(value.at / 1000),
    payload: { [meter.customerKey]: value.customer, [meter.valueKey]: value.value, from: value.from, to: value.to },
  };
}

function formOf(fields: JsonObject): string {
  const form = new URLSearchParams();
  for (const [name, field] of Object.entries(fields)) {
    if (!isJsonObject(field)) form.append(name, String(field));
    else for (const [key, text] of Object.entries(field)) form.append(`${name}[${key}]`, String(text));
  }
  return form.toString();
}

/** null: not what the API says. */
function sumOfSummaries(json: Json): number | null {
  if (!isJsonObject(json) || !Array.isArray(json['data']) || json['has_more'] === true) return null;
  let sum = 0;
  for (const summary of json['data']) {
    const one = isJsonObject(summary) ? summary['aggregated_value'] : null;
    if (typeof one !== 'number') return null;
    sum += one;
  }
  return sum;
}

function messageOf(json: Json): string | null {
  const error = isJsonObject(json) ? json['error'] : null;
  const message = isJsonObject(error) ? error['message'] : null;
  return typeof message === 'string' ? message : null;
}

function isDuplicate(json: Json): boolean {
  const error = isJsonObject(json) ? json['error'] : null;
  if (!isJsonObject(error)) return false;
  return error['code'] === 'duplicate_meter_event' || /already exists with identifier/i.test(String(error['message']));
}
