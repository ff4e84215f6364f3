/** A request as the input of an operation. */
import { OPERATIONS, pathParameters, type OperationName } from '@waybill/schema/api';
import type { Context } from 'hono';
import { ConsumerError } from '../errors.ts';

export const MAX_URL = 16_384;
export const MAX_BODY = 65_536;

/**
 * Members of the path, the query string and the body. What they mean is not checked here.
 *
 * @throws ConsumerError BAD_ARGUMENT, TOO_LARGE
 */
export async function readInput(c: Context, operation: OperationName): Promise<Record<string, string>> {
  const { path, method } = OPERATIONS[operation].http;
  const url = new URL(c.req.url);
  const input: Record<string, string> = Object.create(null) as Record<string, string>;
  for (const [name, value] of url.searchParams) {
    if (name in input) throw new ConsumerError('BAD_ARGUMENT', `${JSON.stringify(name)} is given twice`);
    input[name] = value;
  }
  if (method === 'POST') await addBody(c, input);
  for (const name of pathParameters(path)) {
    if (name in input) throw new ConsumerError('BAD_ARGUMENT', `${name} stands in the path: it cannot be given again`);
    input[name] = c.req.param(name) ?? '';
  }
  return input;
}

/** None, or a JSON object whose members are texts. */
async function addBody(c: Context, input: Record<string, string>): Promise<void> {
  const text = await readBody(c.req.raw.body);
  if (text.trim() === '') return;
  const body = parseObject(text);
  for (const [name, value] of Object.entries(body)) {
    if (name in input || typeof value !== 'string')
      throw new ConsumerError('BAD_ARGUMENT', `${JSON.stringify(name)} in the body: expected one text`);
    input[name] = value;
  }
}

/** Not by hono's own limit: it makes a new request of the one of @hono/node-server, which Node's classes refuse. */
async function readBody(body: ReadableStream<Uint8Array> | null): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of body ?? []) {
    size += chunk.length;
    if (size > MAX_BODY) throw tooLarge();
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

export function tooLarge(): ConsumerError {
  return new ConsumerError('TOO_LARGE', `the body is larger than ${MAX_BODY} bytes`);
}

function parseObject(text: string): object {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value;
  } catch {
    // Said below, like every other body that is no object.
  }
  throw new ConsumerError('BAD_ARGUMENT', 'the body is no JSON object: expected none, or {}');
}
