import type { NatsConnection } from '@nats-io/nats-core';
import { ConsumerError } from '../errors.ts';
import type { ConsumerLogger } from '../logger.ts';
import { openAccess } from '../access/open-access.ts';
import type { Access } from '../access/principal.ts';
import type { Config } from '../config/config.ts';

export interface ReaderAccessOptions {
  readonly config: Config;
  readonly nc: NatsConnection;
  readonly logger: ConsumerLogger;
}

/** Who may ask, as the configuration says. To be closed before the connection is. @throws ConsumerError BAD_CONFIG */
export async function startReaderAccess({ config }: ReaderAccessOptions): Promise<Access & AsyncDisposable> {
  if (!config.api?.open) throw new ConsumerError('BAD_CONFIG', 'WAYBILL_HTTP_OPEN is not "1": expected it, or tokens');
  return { ...openAccess(), [Symbol.asyncDispose]: () => Promise.resolve() };
}
