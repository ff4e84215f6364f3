import { ConsumerError } from '../errors.ts';
import { openAccess } from '../access/open-access.ts';
import type { Access } from '../access/principal.ts';
import type { Config } from '../config/config.ts';

/** Who may ask, as the configuration says. @throws ConsumerError BAD_CONFIG */
export function accessOf({ api }: Config): Access {
  if (api?.open) return openAccess();
  throw new ConsumerError('BAD_CONFIG', 'WAYBILL_HTTP_OPEN is not "1": expected it, or tokens');
}
