/**
 * OpenMeter: CloudEvents, of which it counts one for each `source` and `id` as long as its deduplication remembers them
 * (24 hours by default; one that runs without deduplication counts every one). So what it has is read first, which it
 * tells of the last 32 days.
 *
 * Source: https://openmeter.io/docs (events), and `api/spec/src/events.tsp` and `openmeter/meterevent/service.go` of
 * github.com/openmeterio/openmeter. A meter has `valueProperty` `$.value` and aggregation SUM.
 */
import { isJsonObject, type Json, type JsonObject } from '@waybill/schema/internal';
import { ConsumerError } from '../errors.ts';
import { ACCEPTED, type Engine, type EngineOptions, type Held, NOTHING, type Outcome, SAME } from './engine.ts';
import { noAnswer, shown } from './engine-http.ts';
import type { PushValue } from './push-value.ts';
import { sendInParts } from './send-in-parts.ts';

const SOURCE = 'waybill';
/** `limit` of the list of events is 100 at most. */
const LIST_LIMIT = 100;
/** 32 days, with an hour for clocks that differ. */
const LISTED_MS = (32 * 24 - 1) * 3_600_000;

export function createOpenMeter({ http, now }: EngineOptions): Engine {
  async function list(query: Readonly<Record<string, string>>): Promise<readonly Json[]> {
    const path = `/api/v1/events?${new URLSearchParams({ ...query, limit: String(LIST_LIMIT) }).toString()}`;
    const { status, json, text } = await http.request({ method: 'GET', path });
    if (status === 200 && Array.isArray(json)) return json;
    throw new ConsumerError('ENGINE_REFUSED', `OpenMeter does not list its events: ${status} ${shown(text)}`);
  }

  /** Events of one customer; more than the limit are asked for one by one. */
  async function heldOf(values: readonly PushValue[]): Promise<Held[]> {
    const times = values.map(({ at }) => at);
    const [from, to] = [timeOf(Math.min(...times)), timeOf(Math.max(...times))];
    const events = await list({ subject: values[0]?.customer ?? '', from, to });
    if (events.length < LIST_LIMIT) return values.map((value) => judge(value, events));
    const held: Held[] = [];
    for (const value of values) {
      const time = timeOf(value.at);
      held.push(judge(value, await list({ id: value.id, from: time, to: time })));
    }
    return held;
  }

  return {
    batch: 100,
    body: eventOf,
    fault: () => null,
    prepare: () => Promise.resolve(),
    async held(candidates) {
      const oldest = now() - LISTED_MS;
      const known = candidates.filter(({ value }) => value.at >= oldest).map(({ value }) => value);
      const held = new Map<string, Held>();
      for (let i = 0; i < known.length; i += LIST_LIMIT - 1) {
        const some = known.slice(i, i + LIST_LIMIT - 1);
        const found = await heldOf(some);
        for (const [index, { id }] of some.entries()) held.set(id, found[index] ?? NOTHING);
      }
      return candidates.map(({ value, isUnsettled }) => held.get(value.id) ?? (isUnsettled ? TOO_OLD : NOTHING));
    },
    send: (values) => sendInParts(values, sendBatch),
  };

  async function sendBatch(values: readonly PushValue[]): Promise<Outcome[] | string> {
    const { status, text } = await http.request({
      method: 'POST',
      path: '/api/v1/events',
      headers: { 'content-type': 'application/cloudevents-batch+json' },
      body: JSON.stringify(values.map(eventOf)),
    });
    if (status >= 200 && status < 300) {
      // It answers 204, with nothing.
      if (text.trim() !== '') throw noAnswer('OpenMeter', { status, text });
      return values.map(() => ACCEPTED);
    }
    if (status === 404)
      throw new ConsumerError('ENGINE_REFUSED', `OpenMeter takes no events there: 404 ${shown(text)}`);
    return `${status} ${shown(text)}`;
  }
}

const TOO_OLD: Held = { kind: 'unknowable', why: 'OpenMeter lists the events of the last 32 days only' };

function eventOf({ id, orgid, meter, name, customer, from, to, value, at, proof }: PushValue): JsonObject {
  return {
    specversion: '1.0',
    id,
    source: SOURCE,
    type: name,
    subject: customer,
    time: timeOf(at),
    datacontenttype: 'application/json',
    data: { value, meter, orgid, from, to, proof_from: proof.from, proof_to: proof.to },
  };
}

function timeOf(ms: number): string {
  return new Date(ms).toISOString();
}

function judge(value: PushValue, events: readonly Json[]): Held {
  for (const item of events) {
    if (!isJsonObject(item) || !isJsonObject(item['event'])) continue;
    const { id, source, type, subject, data } = item['event'];
    // The list is asked for parts of names.
    if (id !== value.id || source !== SOURCE) continue;
    if (item['validationError'])
      return { kind: 'other', what: `it with the fault ${JSON.stringify(item['validationError'])}` };
    const stored = isJsonObject(data) ? data['value'] : null;
    if (type === value.name && subject === value.customer && stored === value.value) return SAME;
    return { kind: 'other', what: JSON.stringify({ type, subject, value: stored }) };
  }
  return NOTHING;
}
