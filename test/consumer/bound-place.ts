/** A stream that somebody else owns, on a server of its own, and a ledger that is bound to it. */
import type { NatsConnection } from '@nats-io/nats-core';
import { type Consumer, deployStreams, type Settings, startConsumer } from '@waybill/consumer';
import { SYSTEM_CHAIN } from '@waybill/schema/internal';
import { boundSettings, chainloopTraffic, type OwnerStream, ownerStream } from '../support/chainloop-owner.ts';
import { checkLedger } from '../support/check-ledger.ts';
import { logger } from '../support/logger.ts';
import { startNats, type StartNatsOptions, type TestNats } from '../support/nats.ts';
import { publishAll } from '../support/traffic.ts';
import { until } from '../support/until.ts';

export const FAST = { logger, bind: true, restartMs: 10, takeoverMs: 200, ackTimeoutMs: 2_000 };

export interface Place extends AsyncDisposable {
  readonly server: TestNats;
  readonly nc: NatsConnection;
  readonly owner: OwnerStream;
  readonly settings: Settings;
}

export async function prepare(
  change: Parameters<typeof ownerStream>[1] = {},
  options: StartNatsOptions = {},
): Promise<Place> {
  const server = await startNats(options);
  const nc = await server.connect();
  const owner = await ownerStream(nc, change);
  const settings = boundSettings(owner.config);
  await deployStreams(nc, { ...settings, bind: true });
  return { server, nc, owner, settings, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
}

export const publish = ({ nc, settings }: Place, count: number) =>
  publishAll(nc, chainloopTraffic(settings, count).events);
export const begin = async ({ server, settings }: Place) =>
  startConsumer({ nc: await server.connect(), ...settings, ...FAST });
export const reached = (consumer: Consumer, watermark: number) =>
  until(`watermark ${watermark}`, () => consumer.status().watermark === watermark);

export async function records({ nc, settings }: Place, kind: string): Promise<unknown[]> {
  const { entries } = await checkLedger(nc, settings);
  return entries(SYSTEM_CHAIN).flatMap(({ event }) => (event?.['kind'] === kind ? [event] : []));
}
