import { jetstreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/nats-core';
import type { Settings } from '@waybill/consumer';

/** Blocks in the ledger so far. */
export async function ledgerSize(nc: NatsConnection, settings: Settings): Promise<number> {
  const { state } = await (await jetstreamManager(nc, { checkAPI: false })).streams.info(settings.ledgerStream);
  return state.last_seq;
}
