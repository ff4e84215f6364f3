import { badConfig, type Environment } from './environment.ts';
import { isLoopback } from './loopback.ts';

/** Where questions are answered, and for whom. */
export interface ApiConfig {
  readonly host: string;
  readonly port: number;
  /** Host names that requests may be for, besides those of this machine. */
  readonly hosts: readonly string[];
  /** Questions are answered over NATS, too. */
  readonly nats: boolean;
  /** Nobody has to prove anything. */
  readonly open: boolean;
}

/** @returns null: nothing is answered @throws ConsumerError BAD_CONFIG */
export function apiConfig(env: Environment): ApiConfig | null {
  const {
    WAYBILL_ROLE: role,
    WAYBILL_API_PORT: port,
    WAYBILL_API_HOST: host,
    WAYBILL_API_NATS: nats,
    WAYBILL_HTTP_HOSTS: hosts,
    WAYBILL_HTTP_OPEN: open,
  } = env;
  if (port === undefined && role === 'reader')
    throw badConfig('WAYBILL_ROLE is "reader" and WAYBILL_API_PORT is not set: expected a port to answer on');
  if (port !== undefined && role === 'writer')
    throw badConfig('WAYBILL_ROLE is "writer" and WAYBILL_API_PORT is set: a writer answers nothing');
  if (port === undefined && nats === '1')
    throw badConfig('WAYBILL_API_NATS is "1" and WAYBILL_API_PORT is not set: expected a port as well');
  if (port === undefined) return null;
  if (open === '1' && !isLoopback(host))
    throw badConfig(
      `WAYBILL_HTTP_OPEN is "1" and WAYBILL_API_HOST is ${JSON.stringify(host)}: without tokens, expected a loopback address such as 127.0.0.1`,
    );
  return { host, port, hosts: hosts?.split(',') ?? [], nats: nats === '1', open: open === '1' };
}
