/**
 * Lago: events in batches of at most 100, of which it stores all or none. With its store in PostgreSQL it refuses a
 * `transaction_id` that it has; with the one in ClickHouse an event with the same `transaction_id` and `timestamp`
 * replaces the first. So both are always the same for a value.
 *
 * Source: https://docs.getlago.com (guide: ingesting usage; API: batch events, retrieve event), and
 * `app/services/events/create_batch_service.rb` of github.com/getlago/lago-api. A billable metric aggregates by sum over
 * `value`.
 */
import { isJsonObject, type Json, type JsonObject } from '@waybill/schema/internal';
import { ConsumerError } from '../errors.ts';
import { inParallel } from '../in-parallel.ts';
import { ACCEPTED, type Engine, type EngineOptions, type Held, NOTHING, type Outcome, SAME } from './engine.ts';
import { noAnswer, shown } from './engine-http.ts';
import { jsonMember } from './json-member.ts';
import type { PushValue } from './push-value.ts';
import { sendInParts } from './send-in-parts.ts';

const AT_ONCE = 4;

export function createLago({ http }: EngineOptions): Engine {
  async function heldOf(value: PushValue): Promise<Held> {
    const { status, json, text } = await http.request({ method: 'GET', path: `/api/v1/events/${value.id}` });
    if (status === 404) return NOTHING;
    if (status !== 200)
      throw new ConsumerError('ENGINE_REFUSED', `Lago does not tell an event: ${status} ${shown(text)}`);
    return judge(value, json);
  }

  /** A value that Lago says it has: whether it is this one. */
  async function thereOrNot(value: PushValue): Promise<Outcome> {
    const held = await heldOf(value);
    if (held.kind !== 'other') return { kind: 'there' };
    return { kind: 'refused', why: `Lago has ${held.what} under this transaction_id` };
  }

  async function sendBatch(values: readonly PushValue[]): Promise<Outcome[] | string> {
    const { status, json, text } = await http.request({
      method: 'POST',
      path: '/api/v1/events/batch',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ events: values.map(eventOf) }),
    });
    if (status >= 200 && status < 300) {
      // It answers with the events that it stored.
      if (!Array.isArray(jsonMember(json, 'events'))) throw noAnswer('Lago', { status, text });
      return values.map(() => ACCEPTED);
    }
    if (status === 404) throw new ConsumerError('ENGINE_REFUSED', `Lago takes no events there: 404 ${shown(text)}`);
    const faults = faultsOf(json, values.length);
    if (faults.size === 0) return `${status} ${shown(text)}`;
    const rest = values.filter((_, index) => !faults.has(index));
    const others = rest.length === 0 ? [] : await sendInParts(rest, sendBatch);
    const outcomes: Outcome[] = [];
    for (const [index, value] of values.entries()) {
      const why = faults.get(index);
      if (why === undefined) outcomes.push(others.shift() ?? { kind: 'unknown', why: 'no outcome' });
      else outcomes.push(why === ALREADY ? await thereOrNot(value) : { kind: 'refused', why });
    }
    return outcomes;
  }

  return {
    batch: 100,
    body: eventOf,
    fault: () => null,
    prepare: () => Promise.resolve(),
    // What was never sent with this journal needs no look: Lago forgets no transaction_id.
    held: (candidates) =>
      inParallel(candidates, AT_ONCE, ({ value, isUnsettled }) =>
        isUnsettled ? heldOf(value) : Promise.resolve(NOTHING),
      ),
    send: (values) => sendInParts(values, sendBatch),
  };
}

const ALREADY = '{"transaction_id":["value_already_exist"]}';

/** What Lago says about single events, by their places in the batch. */
function faultsOf(json: Json, length: number): Map<number, string> {
  const details = isJsonObject(json) ? json['error_details'] : null;
  const faults = new Map<number, string>();
  if (!isJsonObject(details)) return faults;
  for (const [place, fault] of Object.entries(details)) {
    if (/^\d{1,3}$/.test(place) && Number(place) < length) faults.set(Number(place), JSON.stringify(fault));
  }
  return faults;
}

function eventOf({ id, orgid, meter, name, customer, from, to, value, at, proof }: PushValue): JsonObject {
  return {
    transaction_id: id,
    external_subscription_id: customer,
    code: name,
    timestamp: at / 1000,
    properties: { value, meter, orgid, from, to, proof_from: proof.from, proof_to: proof.to },
  };
}

function judge(value: PushValue, json: Json): Held {
  const event = isJsonObject(json) ? json['event'] : null;
  if (!isJsonObject(event)) throw new ConsumerError('ENGINE_REFUSED', `Lago tells of ${value.id} what is no event`);
  const { code, external_subscription_id: customer, properties } = event;
  const stored = isJsonObject(properties) ? properties['value'] : null;
  if (code === value.name && customer === value.customer && stored === value.value) return SAME;
  return { kind: 'other', what: JSON.stringify({ code, external_subscription_id: customer, value: stored }) };
}
