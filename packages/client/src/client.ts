/** The client: one method for each row of the operations table. */
import type { OperationName, Output } from '@waybill/schema/api';
import { ask } from './calls/ask.ts';
import { allBills } from './calls/bill-stream.ts';
import type { Context } from './calls/context.ts';
import { followEntries, listEntries } from './calls/entry-stream.ts';
import { type Given, type GivenList, textsOf } from './calls/given.ts';
import { byName, pagesOf } from './calls/pages.ts';
import { type RunOptions, runVerification } from './calls/verification-run.ts';
import { ClientError } from './error.ts';
import { createHttpTransport, type HttpOptions } from './http/http-transport.ts';
import type { NatsLike } from './nats/nats-like.ts';
import { createNatsTransport } from './nats/nats-transport.ts';
import type { CallOptions, FollowOptions, PageOptions, Patience } from './options.ts';

export interface NatsOptions {
  /** An open connection, which stays yours. Its identity needs the right to publish `waybill.v1.*.*.ORGID`. */
  readonly nats: NatsLike;
}

export type ClientOptions = (HttpOptions | NatsOptions) & Patience;

/** One method. Its result rejects with a ClientError. */
type Call<Name extends OperationName> = (input: Given<Name>, options?: CallOptions) => Promise<Output<Name>>;
export type Usage = Output<'usage.get'>;
export type Bill = Output<'bills.get'>;
export type Entry = Output<'entries.get'>;
export type Organization = Output<'organizations.get'>;
export type Verification = Output<'verifications.get'>;

/** Questions to a reader. Iterables throw a ClientError; they ask nothing before they are read. */
export interface Client {
  readonly organizations: {
    /** All organizations that may be seen and have a chain, by name. */
    list(input?: GivenList<'organizations.list'>, options?: PageOptions): AsyncIterable<Organization>;
    readonly get: Call<'organizations.get'>;
  };
  readonly usage: {
    readonly get: Call<'usage.get'>;
    /** What each organization used, by name. All pages are as of the same moment. */
    all(input?: GivenList<'usage.all'>, options?: PageOptions): AsyncIterable<Usage>;
  };
  readonly bills: {
    readonly get: Call<'bills.get'>;
    /** The bill of each organization, by name. Ends without an error only when these were all. */
    all(input: GivenList<'bills.all'>, options?: CallOptions): AsyncIterable<Bill>;
  };
  readonly entries: {
    /** All entries up to the present head; with `order: 'desc'` from there back to the first. */
    list(input: GivenList<'entries.list'>, options?: PageOptions): AsyncIterable<Entry>;
    /** The same, and then what is chained from now on. It never ends by itself. */
    follow(input: Omit<GivenList<'entries.list'>, 'order'>, options?: FollowOptions): AsyncIterable<Entry>;
    readonly get: Call<'entries.get'>;
  };
  readonly verifications: {
    readonly start: Call<'verifications.start'>;
    readonly get: Call<'verifications.get'>;
    /** Starts a verification, waits for its end, and returns it with its report, whatever the verdict is. */
    run(
      input: Given<'verifications.start'>,
      options?: RunOptions,
    ): Promise<Verification & { readonly report: NonNullable<Verification['report']> }>;
  };
  readonly status: {
    get(input?: Given<'status.get'>, options?: CallOptions): Promise<Output<'status.get'>>;
  };
  /** One answer to one question, as it comes: of pages, one page. */
  ask<Name extends Exclude<OperationName, 'bills.all'>>(
    operation: Name,
    input: Given<Name>,
    options?: CallOptions,
  ): Promise<Output<Name>>;
}

/**
 * Connects to nothing by itself, and holds nothing that has to be closed.
 *
 * @throws ClientError INVALID_OPTIONS
 */
export function createClient(options: ClientOptions): Client {
  const transport = 'nats' in options ? createNatsTransport(checkNats(options)) : createHttpTransport(options);
  const context: Context = { transport, patience: options };
  const call =
    <Name extends OperationName>(operation: Name): Call<Name> =>
    async (input, options = {}) =>
      ask(context, { operation, input: textsOf(input) }, options);

  return {
    organizations: {
      list: (input = {}, options = {}) => allOrganizations(context, textsOf(input), options),
      get: call('organizations.get'),
    },
    usage: {
      get: call('usage.get'),
      all: (input = {}, options = {}) => allUsage(context, textsOf(input), options),
    },
    bills: {
      get: call('bills.get'),
      all: (input, options = {}) => allBills(context, textsOf(input), options),
    },
    entries: {
      list: (input, options = {}) => listEntries(context, textsOf(input), options),
      follow: (input, options = {}) => followEntries(context, textsOf(input), options),
      get: call('entries.get'),
    },
    verifications: {
      start: call('verifications.start'),
      get: call('verifications.get'),
      run: async ({ orgid }, options = {}) => runVerification(context, String(orgid), options),
    },
    status: { get: (input = {}, options = {}) => call('status.get')(input, options) },
    ask: (operation, input, options = {}) => call(operation)(input, options),
  };
}

function checkNats(options: NatsOptions): NatsLike {
  if ('url' in options || 'token' in options)
    throw new ClientError('INVALID_OPTIONS', 'nats comes with url or token: expected one way to ask');
  if (typeof (options.nats as Partial<NatsLike>).request !== 'function')
    throw new ClientError('INVALID_OPTIONS', 'nats is no connection: expected one of @nats-io or nats');
  return options.nats;
}

async function* allOrganizations(
  context: Context,
  input: Readonly<Record<string, string>>,
  options: PageOptions,
): AsyncGenerator<Organization> {
  const rest = ({ next }: Output<'organizations.list'>) => (next === undefined ? null : { after: next });
  const pages = pagesOf(context, { operation: 'organizations.list', input, rest }, options);
  yield* byName(pages, input['after']);
}

async function* allUsage(
  context: Context,
  input: Readonly<Record<string, string>>,
  options: PageOptions,
): AsyncGenerator<Usage> {
  // A final answer is the same whenever it is asked for. Others are pinned to the position of the first page.
  const rest = ({ next, final, as_of }: Output<'usage.all'>) =>
    next === undefined ? null : { after: next, ...(!final && { as_of }) };
  yield* byName(pagesOf(context, { operation: 'usage.all', input, rest }, options), input['after']);
}
