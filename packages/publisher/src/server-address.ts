/** What may be shown of a server's address in a message: its host and port, where it is certain which part they are. */

const SCHEME = /^[a-z][a-z0-9+.-]*:\/\//i;

function parseServer(text: string): URL | null {
  return URL.parse(SCHEME.test(text) ? text : `nats://${text}`);
}

/** @returns null when no part of it is certain not to be of a password */
export function shownServer(text: string): string | null {
  const url = parseServer(text);
  if (!url || url.hostname === '') return null;
  // A password that has a slash, say, is not percent-encoded: what looks like the host is the user, or part of it.
  const rest = url.pathname + url.search + url.hash;
  return rest.includes('@') ? null : `${url.protocol}//${url.host}`;
}
