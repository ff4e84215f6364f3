import type { NatsConnection } from '@nats-io/nats-core';
import { MAX_BLOCK_BYTES } from '@waybill/schema/internal';
import { ConsumerError } from '../errors.ts';

/**
 * Checks that the server takes the largest block that the writer may make. Otherwise one busy chain would stop all
 * chains.
 *
 * @throws ConsumerError PAYLOAD_LIMIT
 */
export function checkPayloadLimit(nc: NatsConnection): void {
  const allowed = nc.info?.max_payload;
  if (allowed === undefined || allowed >= MAX_BLOCK_BYTES) return;
  throw new ConsumerError(
    'PAYLOAD_LIMIT',
    `the nats-server at ${nc.getServer()} takes messages of at most ${allowed} bytes (max_payload), and a block may have ${MAX_BLOCK_BYTES}: raise max_payload`,
  );
}
