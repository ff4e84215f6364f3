/** The OpenAPI 3.1 document of the operations table. */
import {
  API_ERRORS,
  type ApiErrorCode,
  COMMON_ERRORS,
  type MediaType,
  type Operation,
  type OperationName,
  OPERATIONS,
  pathParameters,
  Problem,
  problemType,
} from '@waybill/schema/api';
import { z } from 'zod';
import {
  createDocument,
  type ZodOpenApiOperationObject,
  type ZodOpenApiPathsObject,
  type ZodOpenApiResponsesObject,
} from 'zod-openapi';
import { VERSION } from '../version.ts';
import { EXAMPLES } from './examples.ts';

type Document = ReturnType<typeof createDocument>;

/** @returns a document that JSON can say */
export function openApiDocument(): Document {
  const document = createDocument({
    openapi: '3.1.0',
    info: {
      title: 'Waybill',
      version: VERSION,
      description:
        'What a Waybill ledger has: usage, bills, entries and verifications. A window is half-open, `[from, to)`, of the time at which an event was received. Numbers are decimal strings.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/', description: 'This reader.' }],
    tags: tagsOf(),
    security: [{ bearer: [] }],
    paths: pathsOf(),
    components: {
      securitySchemes: {
        bearer: { type: 'http', scheme: 'bearer', description: 'A token, `wb_…`, or a JWT.' },
      },
    },
  });
  open(document);
  return document;
}

/**
 * Answers may get more members. zod closes every object, also beside a reference, where that would forbid all members.
 */
function open(schema: object): void {
  if ('additionalProperties' in schema && schema.additionalProperties === false) delete schema.additionalProperties;
  for (const member of Object.values(schema)) if (typeof member === 'object' && member !== null) open(member as object);
}

const TAGS: Readonly<Record<string, string>> = {
  organizations: 'Who has a chain.',
  usage: 'What was used.',
  bills: 'Bills that their readers check themselves.',
  entries: 'The chains, byte for byte.',
  verifications: 'Whether the ledger is what it claims to be.',
  status: 'What answers.',
};

function tagsOf(): { name: string; description: string }[] {
  return Object.entries(TAGS).map(([name, description]) => ({ name, description }));
}

function pathsOf(): ZodOpenApiPathsObject {
  const paths: Record<string, Record<string, ZodOpenApiOperationObject>> = {};
  for (const operation of Object.values(OPERATIONS)) {
    const { path, method } = operation.http;
    (paths[path] ??= {})[method.toLowerCase()] = operationObject(operation);
  }
  return paths;
}

function operationObject(operation: Operation): ZodOpenApiOperationObject {
  const { name, summary, description, input, scope, http } = operation;
  const inPath = pathParameters(http.path);
  const pick = (names: readonly string[]) => z.object(Object.fromEntries(names.map((one) => [one, input.shape[one]])));
  return {
    operationId: name.replaceAll('.', '_'),
    summary,
    description: `${description}\n\nScope: \`${scope}\`.`,
    tags: [name.slice(0, name.indexOf('.'))],
    requestParams: {
      ...(inPath.length > 0 && { path: pick(inPath) }),
      ...(http.query.length > 0 && { query: pick(http.query) }),
      ...(http.forms.includes('text/event-stream') && { header: LAST_EVENT_ID }),
    },
    responses: responsesOf(operation),
  };
}

const LAST_EVENT_ID = z.object({
  'Last-Event-ID': z
    .string()
    .optional()
    .meta({ description: 'Of server-sent events: go on after this entry. It counts more than `after`.' }),
});

function responsesOf({ name, output, stream, immutable, errors, http }: Operation): ZodOpenApiResponsesObject {
  const contentOf = (form: MediaType): object => {
    const example = EXAMPLES[name];
    if (form === 'application/json') return { schema: output, ...(example && { example }) };
    return { schema: form === 'text/csv' ? CSV : (stream ?? output) };
  };
  const responses: Record<string, object> = {
    [String(http.status)]: {
      description: http.status === 202 ? 'It runs.' : 'The answer.',
      headers: headersOf({ name, immutable, status: http.status }),
      content: Object.fromEntries(http.forms.map((form) => [form, contentOf(form)])),
    },
    ...(immutable && { '304': { description: 'The answer is the one that `If-None-Match` names.' } }),
  };
  const codes: ApiErrorCode[] = [...COMMON_ERRORS, ...errors];
  for (const status of new Set(codes.map((code) => API_ERRORS[code].status)))
    responses[String(status)] = problemResponse(codes.filter((code) => API_ERRORS[code].status === status));
  return responses as ZodOpenApiResponsesObject;
}

const CSV = z.string().meta({
  description: 'RFC 4180 without quotes: a header, then a line for each window of each organization.',
});

function headersOf({
  name,
  immutable,
  status,
}: {
  name: OperationName;
  immutable: true | undefined;
  status: number;
}): z.ZodObject {
  return z.object({
    'Cache-Control': z.string().meta({ description: '`no-store`, or `private, no-cache` of a final answer.' }),
    ...(immutable && { ETag: z.string().optional().meta({ description: 'Strong; of a final answer only.' }) }),
    ...(name === 'usage.all' && {
      'Waybill-Next': z.string().optional().meta({ description: '`next`, for CSV.' }),
    }),
    ...(name === 'entries.list' && {
      'Waybill-Last': z.string().optional().meta({ description: 'Of NDJSON: the number of the last entry.' }),
    }),
    ...(status === 202 && { Location: z.string().meta({ description: 'Where the verification is.' }) }),
  });
}

function problemResponse(codes: readonly ApiErrorCode[]): object {
  const retries = codes.some((code) => 'retry' in API_ERRORS[code]);
  const headers = z.object({
    ...(retries && { 'Retry-After': z.string().optional().meta({ description: 'Seconds.' }) }),
    ...(codes.includes('UNAUTHENTICATED') && { 'WWW-Authenticate': z.string().meta({ description: '`Bearer`.' }) }),
  });
  const examples = codes.map((code) => [code, { summary: API_ERRORS[code].title, value: exampleOf(code) }]);
  return {
    description: codes.map((code) => `${code}: ${API_ERRORS[code].title}.`).join(' '),
    ...(Object.keys(headers.shape).length > 0 && { headers }),
    content: { 'application/problem+json': { schema: Problem, examples: Object.fromEntries(examples) } },
  };
}

function exampleOf(code: ApiErrorCode): Problem {
  const { status, title } = API_ERRORS[code];
  const retries = 'retry' in API_ERRORS[code];
  return { type: problemType(code), title, status, code, detail: '…', ...(retries && { retry_after: 1 }) };
}
