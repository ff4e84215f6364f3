/**
 * The `api/` room: the questions that a reader answers, as one table. HTTP routes, NATS endpoints, the OpenAPI document
 * and the typed client are derived from it. It may import the other rooms' shapes, and nothing else imports it.
 *
 * This file says where each question is asked and who may ask it. It imports nothing, so that a client in a browser
 * loads no zod. operations.ts adds the shapes.
 */

/** What a token may be allowed to do. `admin` allows tokens to be managed, and none of the others. */
export const SCOPES = ['usage:read', 'entries:read', 'verify', 'export', 'admin'] as const;
export type Scope = (typeof SCOPES)[number];

export interface Route {
  readonly method: 'GET' | 'POST';
  /** With `{orgid}` in it, the question is about one organization. */
  readonly path: string;
  readonly scope: Scope;
  /** The answer is a sequence that may also be read as NDJSON or as server-sent events. */
  readonly stream?: true;
}

export const ROUTES = {
  'organizations.list': { method: 'GET', path: '/v1/organizations', scope: 'usage:read' },
  'organizations.get': { method: 'GET', path: '/v1/organizations/{orgid}', scope: 'usage:read' },
  'usage.get': { method: 'GET', path: '/v1/organizations/{orgid}/usage', scope: 'usage:read' },
  'usage.all': { method: 'GET', path: '/v1/usage', scope: 'usage:read' },
  'bills.get': { method: 'GET', path: '/v1/organizations/{orgid}/bill', scope: 'usage:read' },
  'bills.all': { method: 'GET', path: '/v1/bills', scope: 'usage:read', stream: true },
  'entries.list': { method: 'GET', path: '/v1/organizations/{orgid}/entries', scope: 'entries:read', stream: true },
  'entries.get': { method: 'GET', path: '/v1/organizations/{orgid}/entries/{seq}', scope: 'entries:read' },
  'verifications.start': { method: 'POST', path: '/v1/organizations/{orgid}/verifications', scope: 'verify' },
  'verifications.get': { method: 'GET', path: '/v1/organizations/{orgid}/verifications/{id}', scope: 'verify' },
  'status.get': { method: 'GET', path: '/v1/status', scope: 'usage:read' },
} as const satisfies Readonly<Record<string, Route>>;

export type OperationName = keyof typeof ROUTES;

/**
 * The NATS subject of a question: the organization is its last token, so that a server's permissions say who may ask
 * about whom. Questions about all organizations have subjects of their own.
 */
export function subjectOf(operation: OperationName, orgid: string | undefined): string {
  return orgid === undefined ? `${SUBJECT_PREFIX}.${operation}` : `${SUBJECT_PREFIX}.${operation}.${orgid}`;
}

const SUBJECT_PREFIX = 'waybill.v1';
