/**
 * Which names a request may be for, and from which pages it may come. Without this, a page of a stranger whose name leads
 * to 127.0.0.1 could ask with the rights of this machine (DNS rebinding).
 */
import { ConsumerError } from '../errors.ts';

const LOOPBACK = ['localhost', '127.0.0.1', '[::1]'];

export interface HostCheck {
  /** @throws ConsumerError FORBIDDEN */
  check(host: string, origin: string | undefined): void;
}

/** @param more host names without a port, besides those of this machine */
export function createHostCheck(more: readonly string[]): HostCheck {
  const allowed = new Set([...LOOPBACK, ...more].map((name) => name.toLowerCase()));
  return {
    check(host, origin) {
      if (!allowed.has(nameOf(`http://${host}`)))
        throw new ConsumerError('FORBIDDEN', `the request is for the host ${shown(host)}, which is not allowed`);
      if (origin !== undefined && !allowed.has(nameOf(origin)))
        throw new ConsumerError('FORBIDDEN', `the request comes from ${shown(origin)}, which is not allowed`);
    },
  };
}

/** The host name of an http(s) address, without its port; otherwise nothing that is allowed. */
function nameOf(address: string): string {
  const url = URL.canParse(address) ? new URL(address) : null;
  return url && /^https?:$/.test(url.protocol) && url.username === '' ? url.hostname : '';
}

function shown(text: string): string {
  return JSON.stringify(text.slice(0, 128));
}
