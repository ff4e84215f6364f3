import type { Config } from '../config/config.ts';
import { openConnection } from '../nats/connect.ts';
import { type AccessHandle, type AccessOptions, createAccess } from './access.ts';

export interface StartAccessOptions extends Pick<AccessOptions, 'open' | 'nc' | 'logger'> {
  readonly config: Pick<Config, 'access' | 'settings'>;
}

/**
 * `createAccess` as the configuration says, with a connection to the stream of tokens where that has its own. `close`
 * closes this connection too.
 *
 * @throws ConsumerError CANNOT_CONNECT, BAD_CONFIG …
 */
export async function startAccess({ config, open, nc, logger }: StartAccessOptions): Promise<AccessHandle> {
  const { access, settings } = config;
  const own = access.nats === null ? null : await openConnection(access.nats);
  const handle = createAccess({
    config: access,
    open,
    tokens: own ?? nc,
    nc,
    auditPrefix: settings.auditPrefix,
    logger,
  });
  const close = async (): Promise<void> => {
    await handle.close();
    await own?.close();
  };
  return { ...handle, close, [Symbol.asyncDispose]: close };
}
