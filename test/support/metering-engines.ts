/**
 * Servers that do what the public documents of metering engines say: they check requests, forget ids when their clock
 * says so, and add up what they count. They are no copies of the engines; no live engine was tried.
 *
 * A test changes the clock, and says what happens to a request with `onRequest`.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

export const HOUR_MS = 3_600_000;

/** What happens to a request: nothing special, or one of the ways in which an answer is lost or is another. */
type Fate =
  | 'answer'
  /** The connection breaks before anything is stored, or after it. */
  | 'lose request'
  | 'lose answer'
  | { readonly status: number; readonly headers?: Record<string, string>; readonly body?: unknown };

interface Counted {
  readonly id: string;
  readonly name: string;
  readonly customer: string;
  readonly value: string;
  readonly at: number;
}

export interface FakeEngine extends AsyncDisposable {
  readonly url: string;
  /** Everything that is counted, also what is counted twice. */
  readonly counted: Counted[];
  /** `GET /path` and `POST /path`, in their order. */
  readonly requests: string[];
  /** Milliseconds since the epoch. */
  now: () => number;
  /** Decides about each request, before it is looked at. */
  onRequest: (request: { method: string; path: string; body: string }) => Fate | Promise<Fate>;
  /** After an answer has left. */
  onAnswered: (request: { method: string; path: string }) => void;
  /** The sum for a customer, by name of the meter. */
  sum(customer: string, name: string): bigint;
}

interface Answer {
  readonly status: number;
  readonly body?: unknown;
}

interface Request {
  readonly method: string;
  readonly url: URL;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

/** @param handle the engine: stores, and answers */
async function startEngine(handle: (request: Request, engine: FakeEngine) => Answer): Promise<FakeEngine> {
  const server = createServer((request, response) => {
    respond(request, response).catch((error: unknown) => response.writeHead(500).end(String(error)));
  });
  async function respond(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '', headers } = request;
    const url = new URL(request.url ?? '', 'http://engine');
    const body = await text(request);
    engine.requests.push(`${method} ${url.pathname}`);
    const fate = await engine.onRequest({ method, path: url.pathname, body });
    if (fate === 'lose request') return void request.socket.destroy();
    if (typeof fate === 'object')
      return void response.writeHead(fate.status, fate.headers).end(JSON.stringify(fate.body ?? {}));
    const answer = handle({ method, url, headers, body }, engine);
    if (fate === 'lose answer') return void request.socket.destroy();
    response.on('finish', () => engine.onAnswered({ method, path: url.pathname }));
    response.writeHead(answer.status, { 'content-type': 'application/json' });
    response.end(answer.body === undefined ? '' : JSON.stringify(answer.body));
  }
  server.listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const engine: FakeEngine = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    counted: [],
    requests: [],
    now: Date.now,
    onRequest: () => 'answer',
    onAnswered: () => undefined,
    sum: (customer, name) =>
      engine.counted
        .filter((one) => one.customer === customer && one.name === name)
        .reduce((sum, { value }) => sum + BigInt(value), 0n),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return engine;
}

const KEY = 'Bearer ';

function keyFault({ headers }: Request, key: string): Answer | null {
  return headers.authorization === KEY + key ? null : { status: 401, body: { error: { message: 'no such key' } } };
}

const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

/** Deduplicates by `source` and `id` for 24 hours, lists 32 days. */
export async function startOpenMeter(key = 'om_key'): Promise<FakeEngine> {
  const stored: { event: Record<string, unknown>; storedAt: number }[] = [];
  return startEngine((request, engine) => {
    const refused = keyFault(request, key);
    if (refused) return refused;
    const { method, url, headers, body } = request;
    if (url.pathname !== '/api/v1/events') return { status: 404, body: {} };
    if (method === 'GET') {
      const [from, to] = ['from', 'to'].map((name) => Date.parse(url.searchParams.get(name) ?? '')) as [number, number];
      // Without `from` it would be the last 72 hours.
      if (Number.isNaN(from) || from < engine.now() - 32 * 24 * HOUR_MS)
        return { status: 400, body: { detail: 'from' } };
      const part = (name: string, value: unknown) => String(value).includes(url.searchParams.get(name) ?? '');
      const found = stored.filter(({ event }) => {
        const time = Date.parse(String(event['time']));
        return time >= from && time <= to && part('id', event['id']) && part('subject', event['subject']);
      });
      return {
        status: 200,
        body: found.slice(0, Number(url.searchParams.get('limit') ?? 100)).map(({ event }) => ({ event })),
      };
    }
    if (headers['content-type'] !== 'application/cloudevents-batch+json') return { status: 400, body: {} };
    const events = JSON.parse(body) as Record<string, unknown>[];
    if (events.length > 100) return { status: 400, body: { detail: 'too many events' } };
    for (const event of events) {
      const { specversion, id, source, type, subject, time, data } = event;
      const isFine =
        specversion === '1.0' && [id, source, type, subject].every((one) => typeof one === 'string' && one);
      const { value } = data as { value: unknown };
      if (!isFine || !TIME.test(String(time)) || typeof value !== 'string' || subject === 'wrong')
        return { status: 400, body: { detail: 'invalid event' } };
    }
    for (const event of events) {
      const isSame = (other: Record<string, unknown>) =>
        other['id'] === event['id'] && other['source'] === event['source'];
      if (stored.some((one) => isSame(one.event) && one.storedAt > engine.now() - 24 * HOUR_MS)) continue;
      stored.push({ event, storedAt: engine.now() });
      const { id, type, subject, time, data } = event as Record<string, string> & { data: unknown };
      const { value } = data as { value: string };
      engine.counted.push({
        id: id ?? '',
        name: type ?? '',
        customer: subject ?? '',
        value,
        at: Date.parse(time ?? ''),
      });
    }
    return { status: 204 };
  });
}

/** @param store PostgreSQL refuses a batch with an id that it has; ClickHouse replaces an event of the same id and time */
export async function startLago(store: 'postgres' | 'clickhouse' = 'postgres', key = 'lago_key'): Promise<FakeEngine> {
  const bodies = new Map<string, Record<string, unknown>>();
  return startEngine((request, engine) => {
    const refused = keyFault(request, key);
    if (refused) return refused;
    const { method, url, headers, body } = request;
    if (method === 'GET') {
      const event = bodies.get(url.pathname.replace('/api/v1/events/', ''));
      return event ? { status: 200, body: { event } } : { status: 404, body: { status: 404, error: 'Not Found' } };
    }
    if (url.pathname !== '/api/v1/events/batch' || headers['content-type'] !== 'application/json')
      return { status: 404, body: {} };
    const { events } = JSON.parse(body) as { events: Record<string, unknown>[] };
    if (events.length === 0 || events.length > 100)
      return { status: 422, body: { error_details: { events: ['too_many_events'] } } };
    const faults: Record<string, unknown> = {};
    for (const [index, event] of events.entries()) {
      const { transaction_id: id, external_subscription_id: customer, code, timestamp, properties } = event;
      if (!Number.isSafeInteger(timestamp)) faults[index] = { timestamp: ['invalid_format'] };
      if (![id, customer, code].every((one) => typeof one === 'string' && one)) faults[index] = { code: ['missing'] };
      if (customer === 'wrong') faults[index] = { external_subscription_id: ['not_found'] };
      if (typeof (properties as { value: unknown }).value !== 'string') faults[index] = { properties: ['value'] };
      if (store === 'postgres' && bodies.has(String(id))) faults[index] = { transaction_id: ['value_already_exist'] };
    }
    if (Object.keys(faults).length > 0)
      return { status: 422, body: { status: 422, code: 'validation_errors', error_details: faults } };
    for (const event of events) {
      const { transaction_id: id, external_subscription_id: customer, code, timestamp, properties } = event;
      const at = Number(timestamp) * 1000;
      const before = engine.counted.findIndex((one) => one.id === id && one.at === at);
      if (before >= 0) engine.counted.splice(before, 1);
      const { value } = properties as { value: string };
      engine.counted.push({ id: String(id), name: String(code), customer: String(customer), value, at });
      bodies.set(String(id), event);
    }
    return { status: 200, body: { events } };
  });
}

const METER = {
  status: 'active',
  default_aggregation: { formula: 'sum' },
  customer_mapping: { type: 'by_id', event_payload_key: 'stripe_customer_id' },
  value_settings: { event_payload_key: 'value' },
  event_time_window: null,
};

export interface StripeFixture {
  readonly key?: string;
  /** Members of each meter's object that are others. */
  readonly meters?: readonly ({ event_name: string } & Record<string, unknown>)[];
}

/** Remembers identifiers for 24 hours and takes what is at most 35 days back, by the engine's own clock. */
export async function startStripe({ key = 'sk_test_key', meters }: StripeFixture = {}): Promise<FakeEngine> {
  const names = meters ?? [{ event_name: 'waybill_upload_bytes' }, { event_name: 'waybill_download_bytes' }];
  const all = names.map((meter, index) => ({ id: `mtr_${index}`, ...METER, ...meter }));
  const seen = new Map<string, number>();
  const answers = new Map<string, Answer>();
  return startEngine((request, engine) => {
    const refused = keyFault(request, key);
    if (refused) return refused;
    const { method, url, headers, body } = request;
    const bad = (message: string): Answer => ({
      status: 400,
      body: { error: { type: 'invalid_request_error', message } },
    });
    if (method === 'GET' && url.pathname === '/v1/billing/meters') {
      const after = all.findIndex(({ id }) => id === url.searchParams.get('starting_after'));
      // One a page, so that pages are turned.
      return { status: 200, body: { data: all.slice(after + 1, after + 2), has_more: after + 2 < all.length } };
    }
    const [, meterId] = /^\/v1\/billing\/meters\/(\w+)\/event_summaries$/.exec(url.pathname) ?? [];
    if (method === 'GET' && meterId !== undefined) {
      const name = all.find(({ id }) => id === meterId)?.event_name;
      const [from, to] = ['start_time', 'end_time'].map((one) => Number(url.searchParams.get(one))) as [number, number];
      if (!name || from % 60 !== 0 || to % 60 !== 0 || from >= to) return bad('start_time and end_time on minutes');
      const own = engine.counted.filter(
        (one) =>
          one.name === name &&
          one.customer === url.searchParams.get('customer') &&
          one.at >= from * 1000 &&
          one.at < to * 1000,
      );
      const sum = own.reduce((total, { value }) => total + Number(value), 0);
      return { status: 200, body: { object: 'list', data: [{ aggregated_value: sum }], has_more: false } };
    }
    if (method !== 'POST' || url.pathname !== '/v1/billing/meter_events') return { status: 404, body: {} };
    if (headers['content-type'] !== 'application/x-www-form-urlencoded') return bad('form');
    const idempotencyKey = String(headers['idempotency-key']);
    const first = answers.get(idempotencyKey);
    if (first) return first;
    const answer = store();
    answers.set(idempotencyKey, answer);
    return answer;

    function store(): Answer {
      const form = new URLSearchParams(body);
      const [name, id, timestamp] = ['event_name', 'identifier', 'timestamp'].map((one) => form.get(one) ?? '') as [
        string,
        string,
        string,
      ];
      const [customer, value] = [form.get('payload[stripe_customer_id]') ?? '', form.get('payload[value]') ?? ''];
      if (!form.get('payload[from]') || !form.get('payload[to]')) return bad('from and to');
      if (!all.some(({ event_name: one }) => one === name)) return bad(`No meter ${name}`);
      if (!/^\d+$/.test(value)) return bad('value is no integer');
      if (customer === 'cus_wrong') return bad('No such customer');
      const at = Number(timestamp) * 1000;
      if (at < engine.now() - 35 * 24 * HOUR_MS || at > engine.now() + 300_000) return bad('timestamp too old');
      if ((seen.get(id) ?? -Infinity) > engine.now() - 24 * HOUR_MS)
        return bad(`An event already exists with identifier ${id}.`);
      seen.set(id, engine.now());
      engine.counted.push({ id, name, customer, value, at });
      return { status: 200, body: { object: 'billing.meter_event', identifier: id } };
    }
  });
}
