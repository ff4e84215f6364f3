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
import type { Json } from '@waybill/schema/internal';
import { ConsumerError } from '../errors.ts';
import { inParallel } from '../in-parallel.ts';
import { ACCEPTED, type Engine, type EngineOptions, type Held, NOTHING, type Outcome } from './engine.ts';
import { noAnswer, shown } from './engine-http.ts';
import { jsonMember, textMember } from './json-member.ts';
import { describeValue, type PushValue } from './push-value.ts';
import { activeMeters, type StripeMeter } from './stripe-meters.ts';
import { heldByStripe } from './stripe-summaries.ts';

/** 35 days, with an hour for clocks that differ and a run that takes long. */
const MAX_AGE_MS = (35 * 24 - 1) * 3_600_000;
const MINUTE_MS = 60_000;
const AT_ONCE = 4;
const CUSTOMER = /^cus_[A-Za-z0-9_]{1,200}$/;
const DEFAULT_METER: StripeMeter = { id: '', customerKey: 'stripe_customer_id', valueKey: 'value' };

export function createStripe({ http, now }: EngineOptions): Engine {
  let meters: ReadonlyMap<string, StripeMeter> = new Map();
  const meterOf = (name: string): StripeMeter => meters.get(name) ?? DEFAULT_METER;

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
      body: formOf(fieldsOf(value, meterOf(value.name))),
    });
    if (status >= 200 && status < 300) {
      // It answers with the event.
      if (textMember(json, 'identifier') !== value.id) throw noAnswer('Stripe', { status, text });
      return ACCEPTED;
    }
    return isDuplicate(json)
      ? thereOrNot(value)
      : { kind: 'refused', why: `${status} ${shown(messageOf(json) ?? text)}` };
  }

  /** An identifier does not name the customer: with another journal, the value may have been pushed for another one. */
  async function thereOrNot(value: PushValue): Promise<Outcome> {
    const [held] = await heldByStripe(http, meterOf(value.name), [value]);
    if (held?.kind === 'same') return { kind: 'there' };
    const why = 'Stripe has its identifier already, and does not tell of it at this customer';
    return { kind: 'unknown', why: `${describeValue(value)}: ${why}. Sums come late: run it again, or look there` };
  }

  return {
    batch: 20,
    body: (value) => fieldsOf(value, meterOf(value.name)),
    fault: (value) => faultOf(value, now()),
    async prepare(names) {
      meters = await activeMeters(http, names);
    },
    async held(candidates) {
      const byName = Map.groupBy(
        candidates.map(({ value }) => value),
        ({ name }) => name,
      );
      const held = new Map<string, Held>();
      for (const [name, values] of byName) {
        const found = await heldByStripe(http, meterOf(name), values);
        for (const [index, { id }] of values.entries()) held.set(id, found[index] ?? NOTHING);
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

/** The fields of the form. */
type MeterEvent = Readonly<Record<'event_name' | 'identifier' | 'timestamp', string>> & {
  readonly payload: Readonly<Record<string, string>>;
};

function fieldsOf(value: PushValue, meter: StripeMeter): MeterEvent {
  return {
    event_name: value.name,
    identifier: value.id,
    timestamp: String(value.at / 1000),
    payload: { [meter.customerKey]: value.customer, [meter.valueKey]: value.value, from: value.from, to: value.to },
  };
}

function formOf({ payload, ...fields }: MeterEvent): string {
  const form = new URLSearchParams(fields);
  for (const [key, text] of Object.entries(payload)) form.append(`payload[${key}]`, text);
  return form.toString();
}

function messageOf(json: Json): string | null {
  return textMember(jsonMember(json, 'error'), 'message');
}

function isDuplicate(json: Json): boolean {
  const isCoded = textMember(jsonMember(json, 'error'), 'code') === 'duplicate_meter_event';
  return isCoded || /already exists with identifier/i.test(messageOf(json) ?? '');
}
