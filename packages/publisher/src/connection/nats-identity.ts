/**
 * Where the publisher connects to, and as whom: `credentials`, a URL in `servers`, or `connect` says it, only one of
 * them.
 */
import type { NodeConnectionOptions } from '@nats-io/transport-node';
import { readServerAddress, type ServerAddress, splitServers } from '@waybill/schema/internal';
import type { Credentials } from '../credentials.ts';
import { badOption, PublisherError } from '../error.ts';
import { faultOfCredentials } from './authenticator.ts';

interface IdentityOptions {
  readonly servers?: string | readonly string[] | undefined;
  readonly credentials?: Credentials | undefined;
  readonly connect?: Omit<NodeConnectionOptions, 'servers'> | undefined;
  /** The service's own connection has an identity already. */
  readonly connection?: unknown;
}

/** @throws PublisherError INVALID_OPTIONS, without any secret */
export function checkIdentity(options: IdentityOptions): void {
  const { credentials, connection, connect } = options;
  const fault = credentials === undefined ? null : faultOfCredentials(credentials);
  if (fault !== null) throw new PublisherError('INVALID_OPTIONS', `createPublisher: ${fault}`);
  if (credentials !== undefined && connection !== undefined) {
    throw badOption('credentials', 'given', 'servers with them: a connection has its own');
  }
  const { identity } = serverAddress(options);
  if (credentials !== undefined && identity !== undefined) {
    throw badOption('credentials', 'given', 'either these or a user or token in servers, not both');
  }
  if (credentials === undefined && identity === undefined) return;
  const [from, what] = credentials === undefined ? ['servers', 'a URL with a user or token'] : ['credentials', 'given'];
  for (const name of ['authenticator', 'user', 'pass', 'token'] as const) {
    if (connect?.[name] === undefined) continue;
    throw badOption(from, what, `either that or connect.${name}, not both`);
  }
}

/** @throws PublisherError INVALID_OPTIONS, without any text of the URLs */
export function serverAddress({ servers }: Pick<IdentityOptions, 'servers'>): ServerAddress {
  try {
    return readServerAddress(splitServers(servers), 'servers');
  } catch (error) {
    throw new PublisherError('INVALID_OPTIONS', `createPublisher: ${(error as Error).message}`);
  }
}
