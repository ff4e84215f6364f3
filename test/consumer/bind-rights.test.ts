/** What reading a stream of somebody else takes: these rights and no other, and one that is missing is named. */
import { jetstreamManager } from '@nats-io/jetstream';
import { startConsumer } from '@waybill/consumer';
import { pino } from 'pino';
import { beforeEach, expect, test } from 'vitest';
import { boundSettings, chainloopTraffic, ownerStream } from '../support/chainloop-owner.ts';
import { checkLedger } from '../support/check-ledger.ts';
import { logger } from '../support/logger.ts';
import { needsOwnServer, startNats } from '../support/nats.ts';
import { publishAll } from '../support/traffic.ts';
import { until } from '../support/until.ts';

beforeEach(needsOwnServer);

const FAST = { logger, bind: true, restartMs: 20, takeoverMs: 200, ackTimeoutMs: 2_000 };

/** The table in docs/reference/operations.md. */
const RIGHTS = [
  '$JS.API.STREAM.INFO.BOUND',
  '$JS.API.STREAM.MSG.GET.BOUND',
  '$JS.API.CONSUMER.CREATE.BOUND.*',
  '$JS.API.CONSUMER.MSG.NEXT.BOUND.*',
  '$JS.API.CONSUMER.DELETE.BOUND.*',
  '$JS.API.STREAM.INFO.LEDGER',
  '$JS.API.STREAM.MSG.GET.LEDGER',
  'ledger.*',
  // For skipped uploads that do not know their size: those of earlier ones are read back.
  '$JS.API.DIRECT.GET.LEDGER',
];
const INBOX = '_INBOX.bound.>';

/** A user `owner` who may do everything, and others with exactly these rights. */
function users(bound: Readonly<Record<string, readonly string[]>>): string {
  const list = Object.entries(bound).map(([name, rights]) => {
    const subscribe = rights.includes(INBOX) ? [INBOX] : ['nothing'];
    const publish = rights.filter((right) => right !== INBOX);
    return `{ user: ${name}, password: p, permissions: { publish: { allow: ${JSON.stringify(publish)} }, subscribe: { allow: ${JSON.stringify(subscribe)} } } }`;
  });
  return `authorization { users: [ { user: owner, password: p }, ${list.join(', ')} ] }`;
}

const ALL = [...RIGHTS, INBOX];

test('these rights are enough, also when the stream is deleted and made anew, and nothing of it is changed', async () => {
  await using server = await startNats({ extraConfig: users({ bound: ALL }) });
  const admin = await server.connect({ user: 'owner', pass: 'p' });
  const owner = await ownerStream(admin, { name: 'BOUND' });
  const settings = { ...boundSettings(owner.config), ledgerStream: 'LEDGER', ledgerPrefix: 'ledger' };
  const manager = await jetstreamManager(admin);
  await manager.streams.add({ name: 'LEDGER', subjects: ['ledger.*'] });
  const nc = await server.connect({ user: 'bound', pass: 'p', inboxPrefix: '_INBOX.bound' });
  const refused: string[] = [];
  const watching = (async () => {
    for await (const status of nc.status()) if (status.type === 'error') refused.push(status.error.message);
  })();
  await using consumer = await startConsumer({ nc, ...settings, ...FAST });
  for (const epoch of [1, 2]) {
    await publishAll(admin, chainloopTraffic(settings, 50).events);
    await until(`epoch ${epoch}`, () => consumer.status().watermark === epoch * 1e12 + 50);
    const { config, state } = await manager.streams.info('BOUND');
    expect(config).toEqual(owner.config);
    expect(state).toMatchObject({ messages: 50, first_seq: 1, last_seq: 50 });
    if (epoch === 1) {
      await owner.remove();
      await until('the consumer to wait', () => consumer.status().role === 'waiting');
      await owner.create();
    }
  }
  await consumer.close();
  await until('no consumer of ours', async () => (await manager.streams.info('BOUND')).state.consumer_count === 0);
  await checkLedger(admin, settings);
  await nc.close();
  await watching;
  expect(refused).toEqual([]);
});

test.each(ALL)('without %s, that is what the status says', async (missing) => {
  const rest = ALL.filter((right) => right !== missing);
  await using server = await startNats({ extraConfig: users({ bound: rest }) });
  const admin = await server.connect({ user: 'owner', pass: 'p' });
  const owner = await ownerStream(admin, { name: 'BOUND' });
  const settings = { ...boundSettings(owner.config), ledgerStream: 'LEDGER', ledgerPrefix: 'ledger' };
  await (await jetstreamManager(admin)).streams.add({ name: 'LEDGER', subjects: ['ledger.*'] });
  await publishAll(admin, chainloopTraffic(settings, 12).events);
  const nc = await server.connect({ user: 'bound', pass: 'p', inboxPrefix: '_INBOX.bound' });
  const told: string[] = [];
  const listening = pino({ level: 'error' }, { write: (line) => told.push(line) });
  await using consumer = await startConsumer({ nc, ...settings, ...FAST, logger: listening });
  // Of blocks, the chain is named: that of `_system` comes first. Of the inbox, what is asked for has a random name.
  const named = missing === INBOX ? '_INBOX.bound.' : missing.replace('ledger.*', 'ledger._system');
  const what = missing === INBOX ? 'subscribe to' : 'publish';
  await until(`${missing} to be named`, () => consumer.status().lastError?.includes(`may not ${what} ${named}`));
  await until('the log to say so', () => told.some((line) => line.includes(`may not ${what} ${named}`)));

  // Given, it goes on by itself.
  await server.configure(users({ bound: ALL }));
  await server.reload();
  await until('the events', () => consumer.status().watermark === 1e12 + 12);
  expect(consumer.status()).toMatchObject({ role: 'writer', lag: 0, rejected: 0 });
});

test('a right that is taken away while running is named, not missed in silence', async () => {
  await using server = await startNats({ extraConfig: users({ bound: ALL }) });
  const admin = await server.connect({ user: 'owner', pass: 'p' });
  const owner = await ownerStream(admin, { name: 'BOUND' });
  const settings = { ...boundSettings(owner.config), ledgerStream: 'LEDGER', ledgerPrefix: 'ledger' };
  await (await jetstreamManager(admin)).streams.add({ name: 'LEDGER', subjects: ['ledger.*'] });
  const nc = await server.connect({ user: 'bound', pass: 'p', inboxPrefix: '_INBOX.bound' });
  await using consumer = await startConsumer({ nc, ...settings, ...FAST });
  await publishAll(admin, chainloopTraffic(settings, 12).events);
  await until('the first events', () => consumer.status().watermark === 1e12 + 12);
  const right = '$JS.API.CONSUMER.MSG.NEXT.BOUND.*';
  await server.configure(users({ bound: ALL.filter((one) => one !== right) }));
  await server.reload();
  await until('it to be missed', () => consumer.status().lastError?.includes('may not'));
  expect(consumer.status().lastError).toBe(
    `could not chain the events of stream BOUND: the NATS identity may not publish ${right}`,
  );
});
