/** Every way to authenticate, each against a server that demands it; and where its secret must not be. */
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { inspect } from 'node:util';
import * as jwt from '@nats-io/jwt';
import { credsAuthenticator, nkeyAuthenticator, type NodeConnectionOptions } from '@nats-io/transport-node';
import { createPublisher, type Credentials, type Publisher, type PublisherOptions } from '@waybill/publisher';
import { beforeEach, expect, test } from 'vitest';
import { createCertificateAuthority } from '../support/certificates.ts';
import { needsOwnServer, startNats } from '../support/nats.ts';
import { createOperator } from '../support/operator.ts';
import { SOURCE, upload } from '../support/publishers.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { createAudit } from '../support/audit-stream.ts';
import { expectChained } from '../support/expect-chained.ts';
import { memoryLogger } from '../support/logger.ts';
import { PATIENT } from '../support/time.ts';

beforeEach(needsOwnServer);

const PASSWORD = 'hunter2-password';
const TOKEN = 'hunter2-token';
const newSeed = (): { seed: string; publicKey: string } => {
  const pair = jwt.createUser();
  return { seed: Buffer.from(pair.getSeed()).toString(), publicKey: pair.getPublicKey() };
};

/** Everything that a service might print. */
function printed(publisher: Publisher, logger: ReturnType<typeof memoryLogger>): string {
  return [
    inspect(publisher, { depth: 10, showHidden: true }),
    JSON.stringify(publisher),
    JSON.stringify(publisher.status()),
    JSON.stringify(publisher.stats()),
    inspect(logger.lines, { depth: 10, showHidden: true }),
  ].join('\n');
}

interface Way {
  readonly config: string;
  readonly right: Partial<PublisherOptions>;
  /** None at all is tried, too. */
  readonly wrong: readonly Partial<PublisherOptions>[];
  /** What `status()` says then. */
  readonly reason: RegExp;
  /** For the test itself. */
  readonly admin: NodeConnectionOptions;
  readonly secrets: readonly string[];
}

const UNAUTHORIZED = /^cannot connect to NATS at [^ ]+: the server refuses this identity/;

const simple = (config: string, right: Credentials, wrong: Credentials, admin: NodeConnectionOptions): Way => ({
  config,
  right: { credentials: right },
  wrong: [{ credentials: wrong }],
  reason: UNAUTHORIZED,
  admin,
  secrets: [right, wrong].flatMap((credentials) => Object.values(credentials)).filter((value) => value !== 'u'),
});

const WAYS: Record<string, (folder: string) => Way | Promise<Way>> = {
  'user and password': () =>
    simple(
      `authorization { user: u, password: ${PASSWORD} }`,
      { user: 'u', pass: PASSWORD },
      { user: 'u', pass: 'other-password' },
      { user: 'u', pass: PASSWORD },
    ),
  token: () =>
    simple(`authorization { token: ${TOKEN} }`, { token: TOKEN }, { token: 'other-token' }, { token: TOKEN }),
  'nkey seed': () => {
    const [mine, other] = [newSeed(), newSeed()];
    const authenticator = nkeyAuthenticator(Buffer.from(mine.seed));
    const config = `authorization { users: [{ nkey: ${mine.publicKey} }] }`;
    return simple(config, { nkeySeed: mine.seed }, { nkeySeed: other.seed }, { authenticator });
  },
  'nkey authenticator of the client': () => {
    const [mine, other] = [newSeed(), newSeed()];
    const way = (seed: string) => ({ connect: { authenticator: nkeyAuthenticator(Buffer.from(seed)) } });
    return {
      config: `authorization { users: [{ nkey: ${mine.publicKey} }] }`,
      right: way(mine.seed),
      wrong: [way(other.seed)],
      reason: UNAUTHORIZED,
      admin: way(mine.seed).connect,
      secrets: [mine.seed, other.seed],
    };
  },
  'nkey seed file': (folder) => {
    const [mine, other] = [newSeed(), newSeed()];
    const [right, wrong] = [join(folder, 'right'), join(folder, 'wrong')];
    writeFileSync(right, `${mine.seed}\n`);
    writeFileSync(wrong, other.seed);
    const authenticator = nkeyAuthenticator(Buffer.from(mine.seed));
    return {
      config: `authorization { users: [{ nkey: ${mine.publicKey} }] }`,
      right: { credentials: { nkeySeedFile: right } },
      wrong: [{ credentials: { nkeySeedFile: wrong } }],
      reason: UNAUTHORIZED,
      admin: { authenticator },
      secrets: [mine.seed, other.seed],
    };
  },
  'creds file': async (folder) => {
    const [{ config, creds }, others] = [await createOperator(), await createOperator()];
    const [right, wrong] = [join(folder, 'right'), join(folder, 'wrong')];
    const [mine, other] = [await creds(), await others.creds()];
    writeFileSync(right, mine);
    writeFileSync(wrong, other);
    return {
      config,
      right: { credentials: { credsFile: right } },
      wrong: [{ credentials: { credsFile: wrong } }],
      reason: UNAUTHORIZED,
      admin: { authenticator: credsAuthenticator(Buffer.from(mine)) },
      secrets: [mine, other].flatMap((text) => text.split('\n').filter((line) => /^[\w.-]{50,}$/.test(line))),
    };
  },
  TLS: (folder) => {
    const [ours, others] = [createCertificateAuthority('ours'), createCertificateAuthority('others')];
    const files = writeServerFiles(folder, ours);
    return {
      config: `tls { ${files} }`,
      right: { connect: { tls: { ca: ours.cert } } },
      wrong: [{ connect: { tls: { ca: others.cert } } }],
      reason: /^cannot connect to NATS at [^ ]+: unable to verify/,
      admin: { tls: { ca: ours.cert } },
      secrets: [ours.key],
    };
  },
  mTLS: (folder) => {
    const [ours, others] = [createCertificateAuthority('ours'), createCertificateAuthority('others')];
    const files = writeServerFiles(folder, ours);
    const { cert, key } = ours.issue('service');
    const stranger = others.issue('service');
    const [certFile, keyFile] = [join(folder, 'client.pem'), join(folder, 'client.key')];
    writeFileSync(certFile, cert);
    writeFileSync(keyFile, key);
    return {
      config: `tls { ${files}, verify: true }`,
      right: { connect: { tls: { caFile: join(folder, 'ca.pem'), certFile, keyFile } } },
      wrong: [
        { connect: { timeout: 500, tls: { ca: ours.cert, cert: stranger.cert, key: stranger.key } } },
        { connect: { timeout: 500, tls: { ca: ours.cert } } },
      ],
      // The server hangs up after the handshake, and the client does not say so.
      reason: /^cannot connect to NATS at [^ ]+: (no answer in time|unable to verify)/,
      admin: { tls: { ca: ours.cert, cert, key } },
      secrets: [key, stranger.key].map((text) => text.split('\n')[1] as string),
    };
  },
};

function writeServerFiles(folder: string, ca: ReturnType<typeof createCertificateAuthority>): string {
  const { cert, key } = ca.issue('server');
  const path = (name: string) => JSON.stringify(join(folder, name));
  writeFileSync(join(folder, 'ca.pem'), ca.cert);
  writeFileSync(join(folder, 'server.pem'), cert);
  writeFileSync(join(folder, 'server.key'), key);
  return `cert_file: ${path('server.pem')}, key_file: ${path('server.key')}, ca_file: ${path('ca.pem')}`;
}

test.for(Object.entries(WAYS))(
  '%s: delivers; wrong ones and none are a state; no secret is shown',
  async ([, make]) => {
    using folder = temporaryDirectory();
    const { config, right, wrong, reason, admin, secrets } = await make(folder.path);
    await using server = await startNats({ extraConfig: config });
    await createAudit(await server.connect(admin));
    const options = { source: SOURCE, servers: server.url, backoffMaxMs: 50 };
    const seen: string[] = [];

    for (const refused of [...wrong, {}]) {
      const logger = memoryLogger();
      await using publisher = createPublisher({ ...options, ...refused, logger, closeTimeoutMs: 1 });
      publisher.emit(upload(0));
      await expect.poll(() => publisher.status().reason).toMatch(reason);
      expect(publisher.stats()).toMatchObject({ pending: 1, acked: 0 });
      seen.push(printed(publisher, logger));
    }

    const logger = memoryLogger();
    await using publisher = createPublisher({ ...options, ...right, logger });
    expect(await publisher.confirm(upload(1), PATIENT)).toMatchObject({ stream: 'AUDIT', seq: 1 });
    await server.restart();
    expect(await publisher.confirm(upload(2), PATIENT)).toMatchObject({ seq: 2 });
    seen.push(printed(publisher, logger));
    await expectChained(await server.connect(admin), 2);

    expect(secrets.length).toBeGreaterThan(0);
    for (const secret of secrets) {
      expect(secret.length).toBeGreaterThan(10);
      for (const text of seen) expect(text).not.toContain(secret);
    }
  },
);

test('a file that is missing or malformed is a reason that names it, and is read again', async () => {
  using folder = temporaryDirectory();
  const { seed, publicKey } = newSeed();
  await using server = await startNats({ extraConfig: `authorization { users: [{ nkey: ${publicKey} }] }` });
  const admin = { authenticator: nkeyAuthenticator(Buffer.from(seed)) };
  await createAudit(await server.connect(admin));
  const nkeySeedFile = join(folder.path, 'seed');
  const logger = memoryLogger();
  const options = { source: SOURCE, servers: server.url, logger, backoffMaxMs: 20 };
  await using publisher = createPublisher({ ...options, credentials: { nkeySeedFile } });
  publisher.emit(upload(0));
  await expect
    .poll(() => publisher.status().reason)
    .toContain(`credentials.nkeySeedFile: ${nkeySeedFile} cannot be read: ENOENT`);
  writeFileSync(nkeySeedFile, `${seed}garbage`);
  await expect.poll(() => publisher.status().reason).toContain(`${nkeySeedFile} does not have an nkey seed`);
  expect(printed(publisher, logger)).not.toContain(seed);
  writeFileSync(nkeySeedFile, seed);
  expect(await publisher.flush(PATIENT)).toBe(true);

  // Gone, or being written: the server decides about what was there last.
  rmSync(nkeySeedFile);
  await server.restart();
  expect(await publisher.confirm(upload(1), PATIENT)).toMatchObject({ seq: 2 });
  await expectChained(await server.connect(admin), 2);
});

test('creds that expire: those that are in the file by then are used, and nothing is lost', async () => {
  using folder = temporaryDirectory();
  const { config, creds } = await createOperator();
  await using server = await startNats({ extraConfig: config });
  const nc = await server.connect({ authenticator: credsAuthenticator(Buffer.from(await creds())) });
  await createAudit(nc);
  const credsFile = join(folder.path, 'service.creds');
  writeFileSync(credsFile, await creds(5));
  const first = readFileSync(credsFile, 'utf8');
  await using publisher = createPublisher({
    source: SOURCE,
    servers: server.url,
    credentials: { credsFile },
    backoffMaxMs: 100,
    logger: memoryLogger(),
  });
  expect(await publisher.confirm(upload(0), PATIENT)).toMatchObject({ seq: 1 });
  await expect.poll(() => publisher.status().state).toBe('degraded');
  expect(readFileSync(credsFile, 'utf8')).toBe(first);
  for (let i = 1; i < 100; i++) publisher.emit(upload(i));
  writeFileSync(credsFile, await creds());
  expect(await publisher.flush(PATIENT)).toBe(true);
  await expectChained(nc, 100);
});

test('close() does not wait for a dial that is being refused', async () => {
  await using server = await startNats({ extraConfig: `authorization { token: ${TOKEN} }` });
  const took: number[] = [];
  // At any moment of a dial: about one in ten used to take the client's 5 seconds.
  for (let i = 0; i < 60; i++) {
    const options = { source: SOURCE, servers: server.url, backoffMinMs: 1, backoffMaxMs: 1, logger: memoryLogger() };
    const publisher = createPublisher({ ...options, credentials: { token: 'other-token' } });
    await expect.poll(() => publisher.status().reason).toMatch(UNAUTHORIZED);
    const start = performance.now();
    await publisher.close({ timeoutMs: 1 });
    took.push(performance.now() - start);
  }
  expect(Math.max(...took)).toBeLessThan(4_500);
});
