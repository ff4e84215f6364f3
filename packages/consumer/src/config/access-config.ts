import type { Settings } from '../settings.ts';
import { badConfig, type Environment } from './environment.ts';
import { type JwtConfig, jwtConfig } from './jwt-config.ts';
import { accessNatsConfig, type NatsConfig } from './nats-config.ts';

/** Who may ask over HTTP, and where that is kept. `nats` has secrets: never print it. */
export interface AccessConfig {
  /** Connection for the stream of tokens; null: the one for everything else. */
  readonly nats: NatsConfig | null;
  /** Name of the stream of tokens. */
  readonly stream: string;
  /** Tokens are on `<prefix>.token.<id>`. */
  readonly prefix: string;
  /** Requests a minute of one token; 0: no limit. */
  readonly requestsPerMinute: number;
  /** Failures a minute of one address; 0: no limit. */
  readonly failuresPerMinute: number;
  /** Whose chain has the reads over all organizations. */
  readonly operatorOrg: string | null;
  readonly jwt: JwtConfig | null;
}

/** @throws ConsumerError BAD_CONFIG naming the variable */
export function accessConfig(env: Environment, settings: Settings): AccessConfig {
  const { WAYBILL_ACCESS_STREAM: stream, WAYBILL_ACCESS_PREFIX: prefix } = env;
  if (stream === settings.auditStream || stream === settings.ledgerStream) {
    throw badConfig(`WAYBILL_ACCESS_STREAM is ${stream}, another stream's name: expected a name of its own`);
  }
  for (const other of [settings.auditPrefix, settings.ledgerPrefix]) {
    if (`${prefix}.`.startsWith(`${other}.`) || `${other}.`.startsWith(`${prefix}.`)) {
      throw badConfig(`WAYBILL_ACCESS_PREFIX is ${prefix}, and other subjects begin with ${other}: expected another`);
    }
  }
  return {
    nats: accessNatsConfig(env),
    stream,
    prefix,
    requestsPerMinute: env.WAYBILL_ACCESS_RATE,
    failuresPerMinute: env.WAYBILL_ACCESS_FAILURES,
    operatorOrg: env.WAYBILL_OPERATOR_ORG ?? null,
    jwt: jwtConfig(env),
  };
}
