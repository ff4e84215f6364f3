import type { NatsConnection } from '@nats-io/nats-core';
import { type Config, readConfig } from '../config/config.ts';
import { openConnection } from '../nats/connect.ts';
import type { CommandContext } from './command.ts';

/** Runs a query over its own connection, and warns about unknown variables. */
export async function withNats<T>(
  { env, output }: CommandContext,
  query: (nc: NatsConnection, config: Config) => Promise<T>,
): Promise<T> {
  const config = readConfig(env);
  for (const name of config.ignored) output.note(`waybill: ignoring ${name}, which is no variable of Waybill`);
  const nc = await openConnection(config.nats);
  try {
    return await query(nc, config);
  } finally {
    await nc.close();
  }
}
