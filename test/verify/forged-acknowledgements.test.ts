/**
 * Acknowledgements that nobody made: what somebody can write who has the identity of the ledger's writer, with every
 * hash, link, total and trailer right. Each is found by comparison with AUDIT, over all chains and for the one
 * organization alone.
 */
import type { NatsConnection } from '@nats-io/nats-core';
import { type Settings, verifyLedger } from '@waybill/consumer';
import {
  type Entry,
  formatAcknowledgement,
  formatAcknowledgeSubject,
  type JsonObject,
  NO_VOLUME,
  SYSTEM_CHAIN,
} from '@waybill/schema/internal';
import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { copyLedger, erased, type ForgedEntry, forgeChain, unchanged } from '../support/ledger-builder.ts';
import { startNats, type TestNats } from '../support/nats.ts';
import { makeStreams, publishAll, uuid } from '../support/traffic.ts';
import { type Change, complaints, forge, insert } from './forgers-ledger.ts';
import { chainAll, say, send } from '../support/known-losses.ts';

let server: TestNats;
let nc: NatsConnection;
let settings: Settings;
/** AUDIT: 1, 2 and 5 of a publisher, garbage, and an acknowledgement of 3. So 4 is a loss that nobody knows. */
beforeAll(async () => {
  server = await startNats();
  nc = await server.connect();
  settings = await makeStreams(nc);
  await send(nc, settings, 'boot', [1, 2, 5]);
  await publishAll(nc, [{ subject: `${settings.auditPrefix}.casartifact.uploaded.acme`, payload: 'x', id: uuid() }]);
  await say(nc, settings, { first: 3, last: 3 });
  await send(nc, settings, 'boot', [6]);
  await chainAll(nc, settings);
});
afterAll(() => server[Symbol.asyncDispose]());

const GARBAGE = 4;
const ACKNOWLEDGED = 5;

async function verifyBoth(change: Change) {
  const copy = await copyLedger(nc, settings, change);
  return [await verifyLedger(nc, copy, { waitMs: 0 }), await verifyLedger(nc, copy, { waitMs: 0, orgid: 'acme' })];
}

/** The record that the writer would make of such a message. */
function recordOf(change: JsonObject = {}): { subject: string; event: JsonObject } {
  const said = { orgid: 'acme', producer: 'boot', first: 4, last: 4, by: 'ops', reason: 'none' };
  const subject = formatAcknowledgeSubject('acme', settings.controlPrefix);
  const payload = Buffer.from(formatAcknowledgement(said));
  const kept = {
    subject,
    size: payload.length,
    sha256: createHash('sha256').update(payload).digest('hex'),
    payload: payload.toString('base64'),
  };
  return { subject, event: { kind: 'acknowledged', ...said, ...kept, ...change } };
}

function forged({ core }: Entry, seq: number): ForgedEntry {
  const { subject, event } = recordOf();
  return {
    received: core.received,
    source: { stream: settings.auditStream, seq, subject },
    event,
    volume: NO_VOLUME,
  };
}

const ofSystem = (seq: number, change: (entry: Entry) => ForgedEntry): Change =>
  forge(SYSTEM_CHAIN, (entry) => [entry.core.source.seq === seq ? change(entry) : unchanged(entry)]);

test('as it is, the ledger is incomplete by one number', async () => {
  for (const report of await verifyBoth((blocks) => blocks)) {
    expect(complaints(report).trim()).toBe('');
    expect([report.verdict, report.acknowledged]).toEqual(['incomplete', '1']);
  }
});

describe('an acknowledgement that nobody made', () => {
  test.each<[string, () => Change]>([
    ['in the place of garbage', () => ofSystem(GARBAGE, (entry) => forged(entry, GARBAGE))],
    ['of a message of its own, between two', () => insert(SYSTEM_CHAIN, 7, (entry) => forged(entry, 7))],
    [
      'of an event that is taken out of its chain',
      () => (blocks) =>
        insert(SYSTEM_CHAIN, 6, (entry) => forged(entry, 6))(
          forgeChain(blocks, 'acme', (entry) => (entry.core.source.seq === 6 ? [] : [unchanged(entry)])),
        ),
    ],
    [
      'of the message of an event, which stays in its chain',
      () => insert(SYSTEM_CHAIN, 6, (entry) => forged(entry, 6)),
    ],
  ])('%s', async (_name, change) => {
    for (const { verdict } of await verifyBoth(change())) expect(verdict).toBe('tampered');
  });
});

describe('an acknowledgement that was made and says something else', () => {
  test.each<[string, JsonObject]>([
    ['more numbers', { last: 4 }],
    ['no end', { last: null }],
    ['another publisher', { producer: 'other' }],
    ['another reason', { reason: 'a flood' }],
    ['another person', { by: 'me' }],
    ['another organization', { orgid: 'bolt' }],
    ['another payload', { payload: 'AAAA' }],
    ['one member more', { more: 1 }],
  ])('%s', async (_name, change) => {
    const reports = await verifyBoth(
      ofSystem(ACKNOWLEDGED, (entry) => ({ ...unchanged(entry), event: { ...unchanged(entry).event, ...change } })),
    );
    for (const { verdict } of reports) expect(verdict).toBe('tampered');
  });
});

describe('an acknowledgement that was made', () => {
  test('is found when the ledger calls it garbage, or something else, or erased it', async () => {
    const kept = ({ event }: Entry): JsonObject => {
      const { subject, size, sha256, payload } = event as Record<string, string>;
      return { subject, size, sha256, payload } as JsonObject;
    };
    const changes: ((entry: Entry) => ForgedEntry)[] = [
      (entry) => ({
        ...unchanged(entry),
        event: { kind: 'rejected', reason: 'not_json', detail: 'is not JSON', ...kept(entry) },
      }),
      (entry) => ({
        ...unchanged(entry),
        event: { kind: 'hold', orgid: 'acme', held: true, by: 'me', reason: 'none', ...kept(entry) },
      }),
      erased,
    ];
    for (const change of changes) {
      for (const report of await verifyBoth(ofSystem(ACKNOWLEDGED, change)))
        expect([report.verdict, report.acknowledged]).toEqual(['tampered', '0']);
    }
  });

  test('is found when the ledger leaves it out', async () => {
    const without = forge(SYSTEM_CHAIN, (entry) => (entry.core.source.seq === ACKNOWLEDGED ? [] : [unchanged(entry)]));
    for (const report of await verifyBoth(without)) {
      expect(report.verdict).toBe('incomplete');
      expect(report.audit.problems).toMatchObject([
        { seq: ACKNOWLEDGED, kind: 'not_chained', detail: 'the acknowledgement for acme is in no chain' },
      ]);
    }
  });
});
