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
  const text = await c.req.text();
  if (text.trim() === '') return;
  const body = parseObject(text);
  for (const [name, value] of Object.entries(body)) {
    if (name in input || typeof value !== 'string')
      throw new ConsumerError('BAD_ARGUMENT', `${JSON.stringify(name)} in the body: expected one text`);
    input[name] = value;
  }
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
