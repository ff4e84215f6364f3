/**
 * Addresses of NATS servers, and the user or token in their URLs. The official client takes only `host:port`: of a URL
 * with a password it reads a wrong port, and it does not log in. So URLs are read here.
 *
 * An error about a malformed URL quotes nothing of it, because nobody can tell which part is the password.
 */

type UrlIdentity = { readonly user: string; readonly pass: string } | { readonly token: string };

export interface ServerAddress {
  /** Each as `host:port`. */
  readonly servers: readonly string[];
  /** One of the URLs is `tls://`. The connection must then be encrypted. */
  readonly tls: boolean;
  /** From `nats://user:password@host` or `nats://token@host`. */
  readonly identity: UrlIdentity | undefined;
}

/**
 * The servers in a list, or in a text such as `process.env.NATS_URL`, which may be unset or empty, or name several with
 * commas.
 */
export function splitServers(servers: string | readonly string[] = []): string[] {
  const list = typeof servers === 'string' ? servers.split(',') : servers;
  return list.map((server) => server.trim()).filter((server) => server !== '');
}

/**
 * @param name the name of the list, e.g. of an option; for error messages
 * @throws Error naming the list, the place in it and what is expected
 */
export function readServerAddress(list: readonly string[], name: string): ServerAddress {
  const read = list.map((text, index) => readServer(text, list.length === 1 ? name : `${name}, number ${index + 1}`));
  const cut = list.findIndex(
    (text, i) => i > 0 && !text.includes('://') && read[i]?.identity && !read[i - 1]?.identity,
  );
  // What looks like a server before it may be the beginning of a password. It would be looked up, and shown.
  if (cut > 0) {
    throw new Error(
      `${name}, number ${cut + 1}: expected nats:// or tls:// before a user or token; a comma in a user, password or token is written %2C`,
    );
  }
  const [first, ...others] = read.flatMap(({ identity }) => identity ?? []);
  if (others.some((other) => JSON.stringify(other) !== JSON.stringify(first))) {
    throw new Error(`${name}: the servers have different users or tokens, expected the same`);
  }
  return { servers: read.map(({ server }) => server), tls: read.some(({ tls }) => tls), identity: first };
}

interface OneServer {
  readonly server: string;
  readonly tls: boolean;
  readonly identity: UrlIdentity | undefined;
}

function readServer(text: string, name: string): OneServer {
  const url = URL.parse(text.includes('://') ? text : `nats://${text}`);
  const isPlain = url !== null && /^\/?$/.test(url.pathname) && url.search === '' && url.hash === '';
  if (!isPlain || url.hostname === '' || !['nats:', 'tls:'].includes(url.protocol)) {
    throw new Error(
      `${name}: expected host, host:port, nats://host:port or tls://host:port, with user:password@ or token@ before the host if there is one, in which / ? # @ : and % are percent-encoded`,
    );
  }
  return {
    server: `${url.hostname}:${url.port || '4222'}`,
    tls: url.protocol === 'tls:',
    identity: identityOf(url, name),
  };
}

function identityOf({ username, password }: URL, name: string): UrlIdentity | undefined {
  if (username === '' && password === '') return undefined;
  try {
    const user = decodeURIComponent(username);
    return password === '' ? { token: user } : { user, pass: decodeURIComponent(password) };
  } catch {
    throw new Error(`${name}: expected a percent-encoded user and password, in which % is written %25`);
  }
}

/**
 * The default prefix of a user's inboxes. The shipped configuration permits each user this prefix only. A user that may
 * subscribe to `_INBOX.>` may subscribe to it too.
 *
 * @returns undefined without a user, and for a name that cannot be in a subject
 */
export function inboxPrefixOf(user: string | undefined): string | undefined {
  return user !== undefined && /^[A-Za-z0-9_-]+$/.test(user) ? `_INBOX.${user}` : undefined;
}

const SCHEME = /^[a-z][a-z0-9+.-]*:\/\//i;

/**
 * The part of a server's address that a message may show: host and port.
 *
 * @returns null when any part might belong to a password
 */
export function shownServer(text: string): string | null {
  const url = URL.parse(SCHEME.test(text) ? text : `nats://${text}`);
  if (!url || url.hostname === '') return null;
  // A password with an unencoded slash, for example, makes the user look like the host.
  const rest = url.pathname + url.search + url.hash;
  return rest.includes('@') ? null : `${url.protocol}//${url.host}`;
}
