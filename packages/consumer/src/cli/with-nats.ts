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
  for (const name of config.ignored) output.note(`waybill: ignoring ${name}, which ${whatItIs(name)}`);
  const nc = await openConnection(config.nats);
  try {
    return await query(nc, config);
  } finally {
    await nc.close();
  }
}

/** What examples/billing is given beside the command. Somebody may also mean the server by it. */
const OF_CLIENTS: ReadonlySet<string> = new Set(['WAYBILL_URL', 'WAYBILL_TOKEN']);

function whatItIs(name: string): string {
  if (!OF_CLIENTS.has(name)) return 'is no variable of Waybill';
  return `is for programs that ask a reader; for the NATS server it is ${name.replace('_', '_NATS_')}`;
}
