/** A reader over streams that a test made: the application, and principals without tokens. */
import type { NatsConnection } from '@nats-io/nats-core';
import { type Settings, verifyLedger } from '@waybill/consumer';
import { type OperationName, OPERATIONS, type Scope, SCOPES } from '@waybill/schema/api';
import { expect } from 'vitest';
import type { Access, Principal } from '../../packages/consumer/src/access/principal.ts';
import { READER_LIMITS, type Reader } from '../../packages/consumer/src/api/reader.ts';
import { createSlots, SLOTS } from '../../packages/consumer/src/api/slots.ts';
import { createVerificationJobs } from '../../packages/consumer/src/api/verification-jobs.ts';
import { ConsumerError } from '../../packages/consumer/src/errors.ts';
import { type App, createApp, type AppOptions } from '../../packages/consumer/src/http/app.ts';
import { documentedShape } from './documented-shape.ts';
import { logger } from './logger.ts';

type Read = Parameters<Access['noteRead']>[0];

interface TestAccess extends Access {
  readonly reads: Read[];
  /** The names of those who are no longer valid. */
  readonly revoked: Set<string>;
}

/** Whoever sends `Bearer NAME` is that principal. */
function testAccess(principals: readonly Principal[]): TestAccess {
  const [reads, revoked]: [Read[], Set<string>] = [[], new Set()];
  return {
    reads,
    revoked,
    authenticate(authorization = '') {
      const found = principals.find(({ id }) => authorization === `Bearer ${id}`);
      if (found && !revoked.has(found.id)) return Promise.resolve(found);
      return Promise.reject(new ConsumerError('UNAUTHENTICATED', 'no token'));
    },
    isValid: ({ id }) => Promise.resolve(!revoked.has(id)),
    noteRead: (read) => void reads.push(read),
  };
}

export function principal(
  id: string,
  organizations: 'all' | readonly string[],
  scopes: readonly Scope[] = SCOPES,
): Principal {
  return {
    kind: 'token',
    id,
    scopes: new Set(scopes),
    organizations: organizations === 'all' ? 'all' : new Set(organizations),
    expiresAt: null,
  };
}

export interface TestReader {
  readonly app: App;
  readonly reader: Reader;
  readonly access: TestAccess;
  readonly answered: { operation: OperationName; code: string }[];
  /** Asks as somebody who may do and see everything. */
  get(path: string, headers?: Record<string, string>): Promise<Response>;
}

export interface TestReaderOptions {
  readonly principals?: readonly Principal[];
  readonly limits?: Partial<Reader['limits']>;
  readonly slots?: Partial<typeof SLOTS>;
  readonly app?: Partial<AppOptions>;
  readonly bill?: Reader['bill'];
}

export function testReader(nc: NatsConnection, settings: Settings, options: TestReaderOptions = {}): TestReader {
  const access = testAccess([principal('root', 'all'), ...(options.principals ?? [])]);
  const answered: { operation: OperationName; code: string }[] = [];
  const reader: Reader = {
    nc,
    settings,
    bind: false,
    role: 'reader',
    bill: options.bill ?? { issuer: 'Example GmbH', signer: null },
    access,
    slots: createSlots({ ...SLOTS, ...options.slots }),
    verifications: createVerificationJobs({
      run: ({ orgid }) => verifyLedger(nc, settings, { orgid, waitMs: 0 }),
    }),
    limits: { ...READER_LIMITS, queryMs: 20_000, ...options.limits },
    logger,
    onAnswer: ({ operation, code }) => void answered.push({ operation, code }),
  };
  const app = createApp({ reader, hosts: [], stop: new AbortController().signal, ...options.app });
  const get = async (path: string, headers: Record<string, string> = {}): Promise<Response> =>
    app.request(path, { headers: { authorization: 'Bearer root', ...headers } });
  return { app, reader, access, answered, get };
}

/** The body, which has the operation's documented shape and no other member. */
export async function jsonOf(name: OperationName, response: Response): Promise<unknown> {
  const body: unknown = await response.json();
  expect({ status: response.status, body }).toMatchObject({ status: OPERATIONS[name].http.status });
  expect(OPERATIONS[name].output.parse(body)).toEqual(body);
  expect(documentedShape(name).safeParse(body).error).toBeUndefined();
  return body;
}

export async function problemOf(response: Response): Promise<{ code: string; detail: string; retry_after?: number }> {
  expect(response.headers.get('content-type')).toBe('application/problem+json');
  expect(response.headers.get('cache-control')).toBe('no-store');
  expect(response.headers.get('etag')).toBeNull();
  const body = (await response.json()) as { status: number; code: string; detail: string; retry_after?: number };
  expect(body.status).toBe(response.status);
  return body;
}
