/** What a server has to be and to allow: each lack is named, by the command and by `serve`. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { launchBinary } from '../../scripts/nats-server/process.ts';
import { versionOfBinary } from '../../scripts/nats-server/version.ts';
import { needsOwnServer, startNats } from '../support/nats.ts';
import { until } from '../support/until.ts';
import { serve, waybill, waybillProcess } from '../support/waybill.ts';

beforeEach(needsOwnServer);

const OFF = /nobody answers for JetStream: it is off, or the stream has no leader just now/;
const NOT_FOR_ACCOUNT = /JetStream is not enabled for this account/;

describe.for([
  ['JetStream is off', 'jetstream: disabled', OFF],
  [
    'the account has no JetStream',
    'accounts { A { users: [{ user: a, password: a }] } }\nno_auth_user: a',
    NOT_FOR_ACCOUNT,
  ],
] as const)('%s', ([, extraConfig, expected]) => {
  test('a command ends with it', async () => {
    await using server = await startNats({ extraConfig });
    const ended = await waybill(['head', '--all'], { WAYBILL_NATS_URL: server.url });
    expect(ended).toMatchObject({ code: 69, stderr: expect.stringMatching(expected) });
  });

  test('serve says it and waits, because a server that starts looks the same', async () => {
    await using server = await startNats({ extraConfig });
    await using serving = serve({ WAYBILL_NATS_URL: server.url });
    await until('the reason in the log', () => expected.test(serving.log));
    await server.configure('');
    await server.restart();
    await until('the writer to begin', () => serving.log.includes('"msg":"writing"'));
    expect(await serving.terminate()).toBe(0);
  });
});

describe('a missing right', () => {
  const service = (permissions: string) => ({
    extraConfig: `authorization { users: [{ user: s, password: s, permissions { ${permissions} } }] }`,
  });
  const ENVIRONMENT = { WAYBILL_NATS_USER: 's', WAYBILL_NATS_PASSWORD: 's' } as const;

  test('to know about the account is not needed', async () => {
    await using server = await startNats(service('publish: { deny: ["$JS.API.INFO"] }'));
    const ended = await waybill(['deploy'], { ...ENVIRONMENT, WAYBILL_NATS_URL: server.url });
    expect(ended).toMatchObject({ code: 0, stdout: 'stream AUDIT: created\nstream LEDGER: created\n', stderr: '' });
  });

  test.for([
    ['publish: { deny: ["$JS.API.STREAM.INFO.>"] }', 'may not publish $JS.API.STREAM.INFO.AUDIT'],
    ['publish: { deny: ["$JS.API.STREAM.CREATE.>"] }', 'may not publish $JS.API.STREAM.CREATE.AUDIT'],
    ['subscribe: { allow: ["_INBOX.other.>"] }', 'may not subscribe to _INBOX.s.'],
    ['subscribe: { allow: ["_INBOX.other.>"] }', ': set WAYBILL_NATS_INBOX_PREFIX to the prefix that it may'],
  ] as const)('%s is named', async ([permissions, named]) => {
    await using server = await startNats(service(permissions));
    const ended = await waybillProcess(['serve'], { ...ENVIRONMENT, WAYBILL_NATS_URL: server.url });
    expect(ended.stderr).toContain(named);
    expect(ended.code).toBe(77);
  });
});

/** Any nats-server before 2.10, e.g. the 2.9.10 of Debian 12 (`apt-get download nats-server`, `dpkg -x`). */
const OLD_SERVER = process.env['WAYBILL_TEST_OLD_NATS_SERVER_BIN'];

test.skipIf(!OLD_SERVER)('a server that is too old is refused, with both versions', async () => {
  const binary = OLD_SERVER as string;
  const version = await versionOfBinary(binary);
  const folder = await mkdtemp(join(tmpdir(), 'waybill-old-server-'));
  const configFile = join(folder, 'nats-server.conf');
  await writeFile(configFile, `jetstream { store_dir: ${JSON.stringify(folder)} }`);
  const server = await launchBinary(binary, { folder, configFile, storeDir: folder, env: {} });
  try {
    for (const command of [['serve'], ['head', '--all']]) {
      const ended = await waybill(command, { WAYBILL_NATS_URL: `nats://127.0.0.1:${server.port}` });
      expect(ended.code).toBe(69);
      expect(ended.stderr).toContain(`is version ${version}: 2.10.0 or newer is needed`);
    }
  } finally {
    await server.signal('SIGKILL');
    await server.exited;
    await rm(folder, { recursive: true });
  }
});
