import { ConsumerError } from '../errors.ts';

/**
 * The base of an engine's addresses, without a slash at its end. A key is never sent unencrypted over a network.
 *
 * @throws ConsumerError BAD_ARGUMENT naming `name` and the rule
 */
export function checkEngineUrl(name: string, text: string): string {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || !['https:', 'http:'].includes(url.protocol)) throw bad(name, 'expected https://host');
  // Whoever wrote a secret into it must not read it in a log.
  if (url.username !== '' || url.password !== '') throw bad(name, 'expected no user or password in it');
  if (url.search !== '' || url.hash !== '') throw bad(name, `${JSON.stringify(text)} has a query or a fragment`);
  if (url.protocol === 'http:' && !isLoopback(url.hostname))
    throw bad(
      name,
      `${JSON.stringify(text)} is not https: http is for this machine only (localhost, 127.0.0.1, [::1])`,
    );
  return url.href.replace(/\/+$/, '');
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '[::1]' || /^127(?:\.\d{1,3}){3}$/.test(host);
}

function bad(name: string, what: string): ConsumerError {
  return new ConsumerError('BAD_ARGUMENT', `${name}: ${what}`);
}
