import { type OperationName, type Route, ROUTES } from '@waybill/schema/routes';
import { ClientError } from '../error.ts';

/**
 * The address of a reader, without a slash at its end. A token goes there: without TLS only to this machine.
 *
 * @throws ClientError INVALID_OPTIONS, which shows no part of the address that may be a secret
 */
export function checkReaderUrl(given: string): string {
  const url = URL.canParse(given) ? new URL(given) : null;
  if (url === null || !/^https?:$/.test(url.protocol))
    throw invalid('url is no address: expected one such as https://waybill.example');
  if (url.username !== '' || url.password !== '') throw invalid('url has a user: give the token as `token`');
  if (url.search !== '' || url.hash !== '') throw invalid('url has a query or a fragment: expected none');
  if (url.protocol === 'http:' && !isLoopback(url.hostname))
    throw invalid(
      `url is http://${url.host}: expected https, because a token goes there; http is for this machine only`,
    );
  return `${url.origin}${url.pathname.replace(/\/+$/, '')}`;
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(host);
}

function invalid(what: string): ClientError {
  return new ClientError('INVALID_OPTIONS', what);
}

export interface RequestParts {
  readonly method: 'GET' | 'POST';
  /** From the slash on, with the query string. */
  readonly path: string;
  readonly body: string | null;
}

/** @throws ClientError BAD_ARGUMENT when a member of the path is missing, or would lead to another path */
export function requestOf(operation: OperationName, input: Readonly<Record<string, string>>): RequestParts {
  const { method, path }: Route = ROUTES[operation];
  const rest = { ...input };
  const filled = path.replaceAll(/\{([a-z]+)\}/g, (_, name: string) => {
    const value = rest[name] ?? '';
    delete rest[name];
    // `..` would not be escaped, and names the folder above.
    if (!/[^.]/.test(value))
      throw new ClientError('BAD_ARGUMENT', `${name} is ${JSON.stringify(value)}: ${operation} needs one`);
    return encodeURIComponent(value);
  });
  const query = String(new URLSearchParams(rest));
  if (method === 'POST') return { method, path: filled, body: query === '' ? null : JSON.stringify(rest) };
  return { method, path: query === '' ? filled : `${filled}?${query}`, body: null };
}
