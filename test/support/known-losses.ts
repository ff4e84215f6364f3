/** A ledger whose publisher lost events, and what operators say about it. */
import { jetstream } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/nats-core';
import { type LedgerReport, type Settings, startConsumer, verifyLedger } from '@waybill/consumer';
import { type Acknowledgement, formatAcknowledgement, formatAcknowledgeSubject } from '@waybill/schema/internal';
import { caughtUp } from './check-ledger.ts';
import { logger } from './logger.ts';
import { artifactEvent, type MadeEvent, publishAll } from './traffic.ts';

/** An upload of `acme`, with the number that its publisher gave it. */
function numbered(settings: Settings, producer: string, n: number): MadeEvent {
  const attributes = { producer, producerseq: String(n) };
  return artifactEvent(settings, { orgid: 'acme', kind: 'upload', bytes: 1, attributes });
}

export async function send(
  nc: NatsConnection,
  settings: Settings,
  producer: string,
  ns: readonly number[],
): Promise<void> {
  await publishAll(
    nc,
    ns.map((n) => numbered(settings, producer, n)),
  );
}

/** Publishes as whoever may, without the looks and checks of `acknowledge`. @returns its number in AUDIT */
export async function say(nc: NatsConnection, settings: Settings, what: Partial<Acknowledgement>): Promise<number> {
  const whole = { orgid: 'acme', producer: 'boot', first: 3, last: 4, by: 'ops', reason: 'a disk', ...what };
  const subject = formatAcknowledgeSubject(whole.orgid, settings.controlPrefix);
  return (await jetstream(nc).publish(subject, formatAcknowledgement(whole))).seq;
}

/** Chains what AUDIT has. */
export async function chainAll(nc: NatsConnection, settings: Settings): Promise<void> {
  await using _consumer = await startConsumer({ nc, logger, ...settings });
  await caughtUp(nc, settings);
}

/** The verdict over everything, and over `acme` alone: both have to say the same. */
export async function verifyBoth(nc: NatsConnection, settings: Settings): Promise<LedgerReport[]> {
  return [
    await verifyLedger(nc, settings, { waitMs: 0 }),
    await verifyLedger(nc, settings, { waitMs: 0, orgid: 'acme' }),
  ];
}
