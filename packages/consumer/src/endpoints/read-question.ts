import type { Msg } from '@nats-io/nats-core';
import { type OperationName, ROUTES, type Route } from '@waybill/schema/routes';
import type { Principal } from '../access/principal.ts';
import { ConsumerError } from '../errors.ts';

/** As of a body over HTTP. */
const MAX_QUESTION = 65_536;

export interface NatsQuestion {
  readonly input: Readonly<Record<string, string>>;
  readonly principal: Principal;
}

/** Whether the last token of the subject is an organization. */
export function isOfOne(operation: OperationName): boolean {
  const { path }: Route = ROUTES[operation];
  return path.includes('{orgid}');
}

/** The organization of a subject that has one: its last token. */
export function organizationOf(subject: string): string {
  return subject.slice(subject.lastIndexOf('.') + 1);
}

/**
 * A message as a question. The server has checked who may publish on the subject, and nothing else: so the organization
 * is the subject's, and the payload cannot name one. Whoever may ask about all organizations may see them all.
 *
 * @throws ConsumerError BAD_ARGUMENT, TOO_LARGE
 */
export function readQuestion(operation: OperationName, { subject, data }: Pick<Msg, 'subject' | 'data'>): NatsQuestion {
  if (data.length > MAX_QUESTION)
    throw new ConsumerError('TOO_LARGE', `the question has ${data.length} bytes: at most ${MAX_QUESTION}`);
  const given = parseInput(data);
  const scopes = new Set([ROUTES[operation].scope]);
  const kind = { kind: 'nats', scopes, expiresAt: null } as const;
  if (!isOfOne(operation)) return { input: given, principal: { ...kind, id: 'nats', organizations: 'all' } };
  const orgid = organizationOf(subject);
  if ('orgid' in given)
    throw new ConsumerError('BAD_ARGUMENT', 'orgid stands in the subject: the payload cannot name an organization');
  const principal: Principal = { ...kind, id: `nats:${orgid}`, organizations: new Set([orgid]) };
  return { input: { ...given, orgid }, principal };
}

/** Nothing, or a JSON object whose members are texts. */
function parseInput(data: Uint8Array): Record<string, string> {
  const input = Object.create(null) as Record<string, string>;
  if (data.length === 0) return input;
  for (const [name, value] of Object.entries(parseObject(data))) {
    if (typeof value !== 'string')
      throw new ConsumerError('BAD_ARGUMENT', `${JSON.stringify(name.slice(0, 128))} is no text`);
    input[name] = value;
  }
  return input;
}

function parseObject(data: Uint8Array): object {
  try {
    const value: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(data));
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value;
  } catch {
    // Said below, like every other payload that is no object.
  }
  throw new ConsumerError('BAD_ARGUMENT', 'the payload is no JSON object: expected one, or nothing');
}
