import { ClientError } from '../error.ts';

/** The token itself, or what gives the one that is valid now: it is asked for each request. */
export type Token = string | (() => string | Promise<string>);

/**
 * Visible ASCII and nothing else: a token with a line feed at its end would fail in `fetch`, whose message shows it.
 *
 * @throws ClientError NO_TOKEN, INVALID_OPTIONS; neither has the token
 */
export async function currentToken(token: Token): Promise<string> {
  let found: unknown;
  try {
    found = typeof token === 'string' ? token : await token();
  } catch (cause) {
    throw new ClientError('NO_TOKEN', 'the function that gives the token has failed', { cause });
  }
  checkToken(found);
  return found;
}

export function checkToken(token: unknown): asserts token is string {
  if (typeof token === 'string' && /^[\x21-\x7e]{1,8192}$/.test(token)) return;
  const what =
    typeof token === 'string' && token.trim() !== token
      ? 'it begins or ends with white space, such as the line feed of a file'
      : 'expected visible ASCII characters, at most 8,192';
  throw new ClientError('INVALID_OPTIONS', `the token cannot be used: ${what}`);
}
