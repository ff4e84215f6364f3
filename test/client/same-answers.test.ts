/** Every operation over HTTP and over NATS: the same JSON, and the same problems. */
import { createClient } from '@waybill/client';
import { type OperationName, OPERATIONS } from '@waybill/schema/api';
import { subjectOf } from '@waybill/schema/routes';
import type { NatsConnection } from '@nats-io/nats-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createLedgerBuilder, type LedgerBuilder } from '../support/ledger-builder.ts';
import { startNats, type TestNats } from '../support/nats.ts';
import { principal } from '../support/reader.ts';
import { type ServedReader, serveReader } from '../support/served-reader.ts';
import { WAIT_MS } from '../support/time.ts';
import { makeStreams } from '../support/traffic.ts';

const NOVEMBER = { period: '2025-11', zone: 'Europe/Berlin' };

let server: TestNats;
let nc: NatsConnection;
let builder: LedgerBuilder;
let reader: ServedReader;

beforeAll(async () => {
  server = await startNats();
  nc = await server.connect();
  const settings = await makeStreams(nc);
  builder = createLedgerBuilder(nc, settings);
  for (const orgid of ['Acme', 'acme', 'umbrella', 'zeta'])
    for (const day of ['10-30', '11-03', '11-20', '12-02'])
      builder.append({ orgid, received: `2025-${day}T12:00:00.000Z`, bytes: 1000 });
  await builder.commit();
  // What may be asked over NATS about one organization sees this one only.
  reader = await serveReader(nc, settings, { principals: [principal('acme', ['acme'])] });
});

afterAll(async () => {
  await reader[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});

/** A new operation needs rows: inputs that are answered, and inputs that have a problem. */
const QUESTIONS: Readonly<
  Record<OperationName, { readonly fine: readonly Record<string, string>[]; readonly bad: Record<string, string>[] }>
> = {
  'organizations.list': {
    fine: [{}, { limit: '2' }, { after: 'acme', limit: '1' }],
    bad: [{ limit: '0' }, { Limit: '2' }],
  },
  'organizations.get': { fine: [{ orgid: 'acme' }], bad: [{ orgid: 'nobody' }] },
  'usage.get': {
    fine: [
      { orgid: 'acme', ...NOVEMBER },
      { orgid: 'acme', ...NOVEMBER, step: 'day' },
    ],
    bad: [
      { orgid: 'acme', period: '2025-13' },
      { orgid: 'nobody', ...NOVEMBER },
      { orgid: 'acme', period: '2199', require_final: 'true' },
    ],
  },
  'usage.all': {
    fine: [NOVEMBER, { ...NOVEMBER, step: 'week', limit: '2' }, { organizations: 'acme,nobody', ...NOVEMBER }],
    bad: [{ zone: 'Mars/Olympus' }],
  },
  'bills.get': {
    fine: [{ orgid: 'acme', ...NOVEMBER }],
    bad: [{ orgid: 'acme', period: '2199' }, { orgid: 'acme' }],
  },
  'bills.all': { fine: [NOVEMBER, { ...NOVEMBER, after: 'acme' }], bad: [{ period: '2199' }] },
  'entries.list': {
    fine: [{ orgid: 'acme' }, { orgid: 'acme', after: '1', limit: '2' }, { orgid: 'acme', order: 'desc' }],
    bad: [{ orgid: 'acme', after: '-1' }],
  },
  'entries.get': { fine: [{ orgid: 'acme', seq: '3' }], bad: [{ orgid: 'acme', seq: '99' }] },
  'verifications.start': { fine: [{ orgid: 'acme' }], bad: [{ orgid: 'nobody' }] },
  'verifications.get': { fine: [], bad: [{ orgid: 'acme', id: 'unknown' }] },
  'status.get': { fine: [{}], bad: [{ orgid: 'acme' }] },
};

interface Answered {
  readonly status: string;
  readonly text: string;
}

async function overNats(operation: OperationName, input: Record<string, string>): Promise<Answered> {
  const { orgid, ...rest } = input;
  const isOfOne = OPERATIONS[operation].http.path.includes('{orgid}');
  const subject = subjectOf(operation, isOfOne ? orgid : undefined);
  const { data, headers } = await nc.request(subject, JSON.stringify(isOfOne ? rest : input), { timeout: WAIT_MS });
  const code = headers?.get('Nats-Service-Error-Code') ?? '';
  expect(headers?.get('Nats-Service-Error') ?? '').toBe(
    code === '' ? '' : (JSON.parse(new TextDecoder().decode(data)) as { detail: string }).detail,
  );
  return {
    status: code === '' ? String(OPERATIONS[operation].http.status) : code,
    text: new TextDecoder().decode(data),
  };
}

async function overHttp(operation: OperationName, input: Record<string, string>): Promise<Answered> {
  const { method, path } = OPERATIONS[operation].http;
  const rest = { ...input };
  const isOfOne = path.includes('{orgid}');
  const filled = path.replaceAll(/\{([a-z]+)\}/g, (_, name: string) => {
    const value = rest[name] ?? '';
    delete rest[name];
    return value;
  });
  const headers = { authorization: `Bearer ${isOfOne ? (input['orgid'] === 'acme' ? 'acme' : 'root') : 'root'}` };
  const url = `${reader.url}${filled}?${String(new URLSearchParams(rest))}`;
  const response = await fetch(url, { method, headers });
  return { status: String(response.status), text: await response.text() };
}

/** What is not final yet says what the server's clock says. */
function timeless({ status, text }: Answered): Answered {
  return { status, text: text.replace(/clock of the server \(.*?\)/, 'clock of the server') };
}

/** Of a verification: whose it is. */
function withoutJob({ status, text }: Answered): Answered {
  return { status, text: OPERATIONS['verifications.start'].output.parse(JSON.parse(text)).orgid };
}

const cases = Object.entries(QUESTIONS).flatMap(([name, { fine, bad }]) =>
  [...fine.map((input) => ({ input, isFine: true })), ...bad.map((input) => ({ input, isFine: false }))].map((one) => ({
    operation: name as OperationName,
    ...one,
    shown: JSON.stringify(one.input),
  })),
);

describe('the same over HTTP and over NATS', () => {
  test.for(cases)('$operation $shown', async ({ operation, input, isFine }) => {
    const [http, nats] = [await overHttp(operation, input), await overNats(operation, input)];
    const isOk = http.status.startsWith('2');
    expect({ ...http, isOk }).toMatchObject({ isOk: isFine });
    // Each start is another verification, unless one runs.
    const comparable = operation === 'verifications.start' && isFine ? withoutJob : timeless;
    expect(comparable(nats)).toEqual(comparable(http));
  });

  test('a verification, by its id', async () => {
    const { id } = await createClient({ nats: nc }).verifications.run({ orgid: 'acme' }, { pollMs: 20 });
    const [http, nats] = [
      await overHttp('verifications.get', { orgid: 'acme', id }),
      await overNats('verifications.get', { orgid: 'acme', id }),
    ];
    expect(nats).toEqual(http);
    expect(OPERATIONS['verifications.get'].output.parse(JSON.parse(nats.text))).toMatchObject({ state: 'done' });
  });
});

describe.for(['http', 'nats'] as const)('the client over %s', (kind) => {
  const made = () => (kind === 'http' ? createClient({ url: reader.url, token: 'root' }) : createClient({ nats: nc }));

  async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
    const found: T[] = [];
    for await (const item of items) found.push(item);
    return found;
  }

  test('has a method for every operation', () => {
    for (const name of Object.keys(OPERATIONS)) {
      const [noun = '', verb = ''] = name.split('.');
      expect((made() as unknown as Record<string, Record<string, unknown>>)[noun]?.[verb], name).toBeTypeOf('function');
    }
  });

  test('follows pages and sequences to their end', async () => {
    const client = made();
    const names = ['Acme', 'acme', 'umbrella', 'zeta'];
    const listed = (await all(client.organizations.list({}, { pageSize: 1 }))).map(({ orgid }) => orgid);
    expect(listed.filter((orgid) => !orgid.startsWith('followed-'))).toEqual(names);
    const usage = await all(client.usage.all(NOVEMBER, { pageSize: 3 }));
    expect(usage.map(({ orgid, uploads, final }) => [orgid, uploads.bytes, final])).toEqual(
      names.map((orgid) => [orgid, '2000', true]),
    );
    expect(usage[1]).toEqual(await client.usage.get({ orgid: 'acme', ...NOVEMBER }));
    const some = await all(client.usage.all({ ...NOVEMBER, organizations: ['acme', 'zeta'] }));
    expect(some.map(({ orgid }) => orgid)).toEqual(['acme', 'zeta']);
    const bills = await all(client.bills.all(NOVEMBER));
    expect(bills.map(({ statement }) => statement.orgid)).toEqual(names);
    expect(bills[1]).toEqual(await client.bills.get({ orgid: 'acme', ...NOVEMBER }));
    const seqs = async (input: object): Promise<number[]> =>
      (await all(client.entries.list({ orgid: 'acme', ...input }, { pageSize: 3 }))).map(({ core }) => core.seq);
    expect(await seqs({})).toEqual([1, 2, 3, 4]);
    expect(await seqs({ after: 2 })).toEqual([3, 4]);
    expect(await seqs({ after: 4 })).toEqual([]);
    expect(await seqs({ after: 9 })).toEqual([]);
    expect(await seqs({ order: 'desc' })).toEqual([4, 3, 2, 1]);
    expect(await seqs({ order: 'desc', after: '3' })).toEqual([2, 1]);
    expect((await client.entries.get({ orgid: 'acme', seq: 3 })).core.seq).toBe(3);
    expect(await client.status.get()).toMatchObject({ role: 'reader' });
    expect(await client.ask('entries.list', { orgid: 'acme', limit: 1 })).toMatchObject({ next: '1' });
  });

  test('follows what is chained from now on', async () => {
    const orgid = `followed-${kind}`;
    const add = async (bytes: number): Promise<void> => {
      builder.append({ orgid, received: '2025-12-03T12:00:00.000Z', bytes });
      await builder.commit();
    };
    await add(1);
    const seqs: number[] = [];
    for await (const { core } of made().entries.follow({ orgid }, { pollMs: 5 })) {
      seqs.push(core.seq);
      if (seqs.length === 4) break;
      // The next one is there only because this one has arrived.
      await add(seqs.length);
    }
    expect(seqs).toEqual([1, 2, 3, 4]);
  });

  test('runs a verification to its report', async () => {
    const phases: string[] = [];
    const { report, state } = await made().verifications.run(
      { orgid: 'acme' },
      { pollMs: 10, onProgress: ({ phase }) => void phases.push(phase) },
    );
    expect({ state, chains: report.chains.length > 0, first: phases.length > 0 }).toEqual({
      state: 'done',
      chains: true,
      first: true,
    });
  });

  test.for([
    ['usage.get', { orgid: 'nobody', period: '2025-11' }, 'NOT_FOUND', 404],
    ['usage.get', { orgid: 'acme', period: '2199', require_final: true }, 'NOT_FINAL', 409],
    ['usage.get', { orgid: 'acme', perod: '2025' }, 'BAD_ARGUMENT', 400],
    ['usage.get', { orgid: '..', period: '2025' }, 'BAD_ARGUMENT', undefined],
    ['usage.get', { orgid: '', period: '2025' }, 'BAD_ARGUMENT', undefined],
  ] as const)('says of %s %o what the reader says', async ([operation, input, code, status]) => {
    const error: unknown = await made()
      .ask(operation, input as never)
      .catch((cause: unknown) => cause);
    expect(error).toMatchObject({ name: 'ClientError', code, status });
  });
});
