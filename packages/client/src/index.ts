import './check-node.ts';

export {
  type Bill,
  type Client,
  type ClientOptions,
  createClient,
  type Entry,
  type NatsOptions,
  type Organization,
  type Usage,
  type Verification,
} from './client.ts';
export type { Given, GivenList } from './calls/given.ts';
export type { RunOptions } from './calls/verification-run.ts';
export { CLIENT_ERROR_CODES, ClientError, type ClientErrorCode, type ClientErrorOptions } from './error.ts';
export type { HttpOptions } from './http/http-transport.ts';
export type { Token } from './http/token.ts';
export type { NatsLike } from './nats/nats-like.ts';
export type { CallOptions, FollowOptions, PageOptions, Patience } from './options.ts';
