/**
 * The questions that a reader answers, with their shapes. One row is everything that is known of a question: HTTP
 * routes, NATS endpoints, the OpenAPI document and the client's types are derived from it. Inputs are strings, as in a
 * query string. Outputs are what the functions of `@waybill/consumer` return.
 */
import '../check-node.ts';
import type * as z from 'zod';
import { type ApiErrorCode, Problem } from './api-error.ts';
import { BillLine, Bill, BillsAllInput, BillsGetInput } from './bill-shape.ts';
import { EntriesGetInput, EntriesListInput, Entry, EntryPage } from './entry-shape.ts';
import {
  Organization,
  OrganizationPage,
  OrganizationsGetInput,
  OrganizationsListInput,
  ReaderStatus,
  StatusGetInput,
} from './organization-shape.ts';
import { type OperationName, type Route, ROUTES, type Scope } from './routes.ts';
import { Usage, UsageAllInput, UsageGetInput, UsageReport } from './usage-shape.ts';
import { Verification, VerificationsGetInput, VerificationsStartInput } from './verify-shape.ts';

export { API_ERROR_CODES, API_ERRORS, type ApiErrorCode, problemType } from './api-error.ts';
export { type OperationName, type Route, ROUTES, type Scope, SCOPES } from './routes.ts';
export { Problem };

/** The forms of an answer. `text/event-stream` is that of server-sent events. */
export type MediaType = 'application/json' | 'application/x-ndjson' | 'text/csv' | 'text/event-stream';

export interface Operation<
  Name extends OperationName = OperationName,
  Input extends z.ZodObject = z.ZodObject,
  Output extends z.ZodType = z.ZodType,
> {
  readonly name: Name;
  /** One line. */
  readonly summary: string;
  readonly description: string;
  /** Members of the path and of the query. All values are strings. */
  readonly input: Input;
  /** The JSON answer; of an operation without one, each line. */
  readonly output: Output;
  /** Besides those that every operation has. */
  readonly errors: readonly ApiErrorCode[];
  readonly scope: Scope;
  readonly http: {
    readonly method: Route['method'];
    readonly path: string;
    /** Members of the input that are in the query string. */
    readonly query: readonly string[];
    /** Of an answer. */
    readonly status: 200 | 202;
    /** The first one is meant when nothing is said. */
    readonly forms: readonly [MediaType, ...MediaType[]];
  };
  /** The shape of a line or an event, where the answer may be read as a sequence. */
  readonly stream?: z.ZodType;
  /** A final answer never changes: it has a strong ETag. */
  readonly immutable?: true;
}

/** What every operation may answer. */
export const COMMON_ERRORS = [
  'BAD_ARGUMENT',
  'UNAUTHENTICATED',
  'FORBIDDEN',
  'NOT_ACCEPTABLE',
  'TOO_LARGE',
  'RATE_LIMITED',
  'INTERNAL',
  'LEDGER_DAMAGED',
  'NEWER_LEDGER',
  'BUSY',
  'TIMED_OUT',
  'UNAVAILABLE',
  'NO_ANSWER',
] as const satisfies readonly ApiErrorCode[];

type Parts<Input, Output> = Pick<Operation, 'summary' | 'description' | 'errors' | 'stream' | 'immutable'> & {
  readonly input: Input;
  readonly output: Output;
  readonly status?: 200 | 202;
  readonly forms?: Operation['http']['forms'];
};

/** The names in braces of a path. */
export function pathParameters(path: string): string[] {
  return [...path.matchAll(/\{([a-z]+)\}/g)].map(([, name = '']) => name);
}

function operation<const Name extends OperationName, Input extends z.ZodObject, Output extends z.ZodType>(
  name: Name,
  { status = 200, forms = ['application/json'], ...parts }: Parts<Input, Output>,
): Operation<Name, Input, Output> {
  const { method, path, scope }: Route = ROUTES[name];
  const inPath = pathParameters(path);
  const query = Object.keys(parts.input.shape).filter((member) => !inPath.includes(member));
  return { name, ...parts, scope, http: { method, path, query, status, forms } };
}

const JSON_OR_CSV = ['application/json', 'text/csv'] as const;
const ENTRY_FORMS = ['application/json', 'application/x-ndjson', 'text/event-stream'] as const;

export const OPERATIONS = {
  'organizations.list': operation('organizations.list', {
    summary: 'Organizations that have a chain',
    description: 'By name, in pages. Each with its head. Only organizations that may be seen.',
    input: OrganizationsListInput,
    output: OrganizationPage,
    errors: [],
  }),
  'organizations.get': operation('organizations.get', {
    summary: 'Where the chain of an organization stands',
    description: 'Its newest entry, and the sums over all of them. A head that is kept elsewhere is evidence later.',
    input: OrganizationsGetInput,
    output: Organization,
    errors: ['NOT_FOUND'],
  }),
  'usage.get': operation('usage.get', {
    summary: 'What an organization used',
    description:
      'Uploaded, downloaded and deduplicated bytes in `[from, to)` of received time, with the entries that prove it. A final answer never changes, has a strong ETag, and says `final: true`.',
    input: UsageGetInput,
    output: Usage,
    errors: ['NOT_FOUND', 'NOT_FINAL'],
    forms: JSON_OR_CSV,
    immutable: true,
  }),
  'usage.all': operation('usage.all', {
    summary: 'What several organizations used, and their sum',
    description:
      'The same for every organization that may be seen and had a chain before `to`, by name, in pages. The sum is that of the page.',
    input: UsageAllInput,
    output: UsageReport,
    errors: ['NOT_FINAL'],
    forms: JSON_OR_CSV,
    immutable: true,
  }),
  'bills.get': operation('bills.get', {
    summary: 'The bill of an organization',
    description:
      'A file that its reader checks without any server (`waybill verify --bill`). Only a final period is billed. Lines are days by default. Takes longer the more entries the chain has.',
    input: BillsGetInput,
    output: Bill,
    errors: ['NOT_FOUND', 'NOT_FINAL'],
    immutable: true,
  }),
  'bills.all': operation('bills.all', {
    summary: 'The bills of all organizations',
    description:
      'One bill a line, by name, for every organization that may be seen and had a chain before the end of the period; and then a closing line. An answer without that line was cut off: ask again with `after`.',
    input: BillsAllInput,
    output: BillLine,
    errors: ['NOT_FINAL'],
    forms: ['application/x-ndjson'],
    stream: BillLine,
  }),
  'entries.list': operation('entries.list', {
    summary: 'Entries of a chain, as they are stored',
    description:
      'JSON: a page, and the cursor of the next one. NDJSON: the lines that `waybill replay` prints, up to the head; the header `Waybill-Last` names the last one, so that an answer that was cut off shows. Server-sent events: the same and what is chained from then on; `id` is the number of the entry, and `Last-Event-ID` goes on after it.',
    input: EntriesListInput,
    output: EntryPage,
    errors: ['NOT_FOUND'],
    forms: ENTRY_FORMS,
    stream: Entry,
  }),
  'entries.get': operation('entries.get', {
    summary: 'One entry, byte for byte as it is stored',
    description: 'Its `hash` can be computed from its `core`, and `core.event_hash` from its `event`.',
    input: EntriesGetInput,
    output: Entry,
    errors: ['NOT_FOUND'],
    immutable: true,
  }),
  'verifications.start': operation('verifications.start', {
    summary: 'Verify an organization',
    description:
      'Starts to re-derive everything in its chain and to compare it with the stream of events. One runs for an organization at a time: a second start answers with the one that runs. Ask `verifications.get` for its progress.',
    input: VerificationsStartInput,
    output: Verification,
    errors: ['NOT_FOUND'],
    status: 202,
  }),
  'verifications.get': operation('verifications.get', {
    summary: 'A verification: its progress, or its report',
    description: 'Asked of the reader that started it. Ended ones are forgotten after an hour, or when there are many.',
    input: VerificationsGetInput,
    output: Verification,
    errors: ['NOT_FOUND'],
  }),
  'status.get': operation('status.get', {
    summary: 'What answers, and how far the ledger is',
    description: 'The version, the time zone database, and what the ledger lacks of the stream of events.',
    input: StatusGetInput,
    output: ReaderStatus,
    errors: [],
  }),
} as const satisfies { readonly [Name in OperationName]: Operation<Name> };

type Operations = typeof OPERATIONS;

/** What is asked. */
export type Input<Name extends OperationName> = z.infer<Operations[Name]['input']>;
/** The answer as JSON; of `bills.all`, one line. */
export type Output<Name extends OperationName> = z.infer<Operations[Name]['output']>;
