import { startConsumer } from '@waybill/consumer';
import { SYSTEM_CHAIN } from '@waybill/schema/internal';
import { expect, test } from 'vitest';
import { caughtUp, checkLedger } from '../support/check-ledger.ts';
import { logger } from '../support/logger.ts';
import { startNats } from '../support/nats.ts';
import {
  type ArtifactFields,
  artifactEvent,
  createCount,
  makeStreams,
  type MadeEvent,
  publishAll,
  uuid,
} from '../support/traffic.ts';

/**
 * Events that come again when the stream has forgotten them. The promise: each is chained once and billed once, however
 * late, in whatever order within a publisher's window, and whichever consumer is at work; the rest is recorded.
 */

const PUBLISHERS = 12;
const EVENTS = 400;
/** As far as order is mixed up: what a publisher has in flight. */
const WINDOW = 64;

/** The same sequence of numbers each time. */
function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    return state / 2_147_483_648;
  };
}

test('resent out of order, after the dedupe window, over restarts of the consumer', async () => {
  await using server = await startNats();
  const nc = await server.connect();
  // Each resend has a message id of its own here: to the stream it is another message, as after its window.
  const settings = await makeStreams(nc);
  const random = randomNumbers(7);
  const count = createCount();
  const made: MadeEvent[] = [];
  for (let sequence = 1; sequence <= EVENTS; sequence++) {
    for (let publisher = 0; publisher < PUBLISHERS; publisher++) {
      const attributes = { producer: `boot-${publisher}`, producerseq: String(sequence) };
      const fields: ArtifactFields = {
        orgid: `org-${publisher % 3}`,
        kind: 'upload',
        bytes: sequence * publisher,
        attributes,
      };
      made.push(artifactEvent(settings, fields));
      count.add(fields);
    }
  }
  const shuffled = made
    .map((event, i) => ({ event, at: i / PUBLISHERS + random() * WINDOW }))
    .toSorted((a, b) => a.at - b.at)
    .map(({ event }) => event);
  let resent = 0;
  for (let from = 0; from < shuffled.length; from += 600) {
    // Each part is read by another consumer: the windows come from the ledger.
    await using _consumer = await startConsumer({ nc, logger, ...settings, maxOpenEntries: 64 });
    const part = shuffled.slice(from, from + 600);
    // Adopted spools of dead processes: whole stretches, from the beginning on, and single events of any age.
    const again = shuffled.slice(0, from).filter((_, i) => random() < 0.1 || (i > from / 3 && i < from / 3 + 100));
    const all = [...part, ...again.map((event) => ({ ...event, id: uuid() }))];
    resent += again.length;
    await publishAll(nc, all);
    await caughtUp(nc, settings);
  }
  const ledger = await checkLedger(nc, settings);
  expect(ledger.totals).toEqual(count.totals());
  const duplicates = ledger.entries(SYSTEM_CHAIN).filter(({ event }) => event?.['kind'] === 'duplicate').length;
  expect(duplicates).toBe(resent);
  const ids = [...ledger.totals.keys()].flatMap((orgid) => ledger.entries(orgid).map(({ event }) => event?.['id']));
  expect(new Set(ids).size).toBe(made.length);
  console.log(
    `${made.length} events of ${PUBLISHERS} publishers out of order, ${resent} sent again: each chained once`,
  );
});
