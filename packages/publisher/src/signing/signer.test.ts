import { createPrivateKey, generateKeyPairSync, verify } from 'node:crypto';
import { afterEach, describe, expect, test } from 'vitest';
import type { Secret } from './create-identity.ts';
import { createSigner } from './signer.ts';

// RFC 8032 §7.1, test 1: the key of the example in docs/reference/format.md.
const SEED = Buffer.from('9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60', 'hex').toString('base64');
const KEYID = '21fe31dfa154a261';
const OTHER = generateKeyPairSync('ed25519').privateKey;
const VARIABLE = 'WAYBILL_TEST_SIGNING_KEY';

afterEach(() => {
  delete process.env[VARIABLE];
});

describe('a secret', () => {
  const pem = (key = OTHER) => key.export({ format: 'pem', type: 'pkcs8' });

  test('is a seed in base64, a PEM or a KeyObject, and each signs', async () => {
    const seed = await createSigner({ secret: `${SEED}\n` }).identity();
    expect(seed).toMatchObject({ keyid: KEYID, publicKey: '11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=' });
    const fromPem = await createSigner({ secret: pem(), keyid: 'release-2026' }).identity();
    const fromObject = await createSigner({ secret: createPrivateKey(pem()) }).identity();
    expect(fromPem).toMatchObject({ keyid: 'release-2026', publicKey: fromObject.publicKey });
    const signature = Buffer.from(fromObject.sign('ü'), 'base64');
    expect(verify(null, Buffer.from('ü'), OTHER as never, signature)).toBe(true);
  });

  test.each([
    ['a password', 'hunter2'],
    ['', `${SEED.slice(0, -4)}AAAA====`],
    ['RSA', generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey],
    ['a public key', generateKeyPairSync('ed25519').publicKey],
    ['a number', 4_242 as unknown as Secret],
    ['', `-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----`],
  ])('that is none is said without saying what it is %s', async (_, secret) => {
    const signer = createSigner({ secret });
    expect(signer.peek()).toBe(null);
    const error = (await signer.identity().catch((e: unknown) => e)) as Error;
    expect(error).toMatchObject({ name: 'PublisherError', code: 'UNSIGNED' });
    expect(`${error.message} ${(error.cause as Error).message}`).toContain('no Ed25519 private key');
    expect(`${error.message} ${String((error.cause as Error).cause)}`).not.toContain(
      typeof secret === 'string' ? secret.slice(-40) : 'KeyObject',
    );
  });
});

describe('the order of secrets', () => {
  const fails = () => {
    throw new Error('the vault is sealed');
  };

  test('explicit, then callable, then environment', async () => {
    process.env[VARIABLE] = OTHER.export({ format: 'pem', type: 'pkcs8' });
    const rest = { getSecret: fails, environmentVariable: VARIABLE };
    expect((await createSigner({ secret: SEED, ...rest }).identity()).keyid).toBe(KEYID);
    expect((await createSigner({ getSecret: () => SEED, environmentVariable: VARIABLE }).identity()).keyid).toBe(KEYID);
    expect((await createSigner({ environmentVariable: VARIABLE }).identity()).keyid).not.toBe(KEYID);
  });

  test('a source that fails is not replaced by a weaker one', async () => {
    process.env[VARIABLE] = SEED;
    const environmentVariable = VARIABLE;
    await expect(createSigner({ secret: 'x', getSecret: () => SEED, environmentVariable }).identity()).rejects.toThrow(
      'no Ed25519',
    );
    await expect(createSigner({ secret: '', environmentVariable }).identity()).rejects.toThrow('no Ed25519');
    await expect(createSigner({ getSecret: fails, environmentVariable }).identity()).rejects.toThrow('sealed');
    const none = () => undefined as unknown as string;
    await expect(createSigner({ getSecret: none, environmentVariable }).identity()).rejects.toThrow('no Ed25519');
  });

  test('none at all', async () => {
    const signer = createSigner({ environmentVariable: VARIABLE });
    await expect(signer.identity()).rejects.toThrow(`no signing identity: the environment variable ${VARIABLE}`);
  });
});

describe('an identity that has to be waited for', () => {
  test('is asked for once, however many wait, and is kept', async () => {
    let calls = 0;
    const answer = Promise.withResolvers<string>();
    const signer = createSigner({
      getSecret() {
        calls++;
        return answer.promise;
      },
    });
    const all = Array.from({ length: 50 }, () => signer.identity());
    expect(signer.peek()).toBe(null);
    expect(signer.firstTry).not.toBe(null);
    answer.resolve(SEED);
    const identities = new Set(await Promise.all(all));
    expect(identities.size).toBe(1);
    expect(await signer.identity()).toBe(signer.peek());
    expect(signer.firstTry).toBe(null);
    expect(calls).toBe(1);
  });

  test('a failure is not kept: it is tried again, but not before the back-off', async () => {
    let calls = 0;
    const signer = createSigner({
      async getSecret() {
        if (++calls < 3) throw new Error(`try ${calls}`);
        return SEED;
      },
      backoffMinMs: 40,
      backoffMaxMs: 40,
    });
    await signer.firstTry;
    const outcomes = await Promise.allSettled(Array.from({ length: 100 }, () => signer.identity()));
    expect(outcomes.map(({ status }) => status)).toEqual(Array.from({ length: 100 }, () => 'rejected'));
    expect(calls).toBeLessThanOrEqual(2);
    await expect.poll(() => signer.peek()?.keyid).toBe(KEYID);
    expect(calls).toBe(3);
  });

  test('a source that does not answer is a failure', async () => {
    const signer = createSigner({ getSecret: () => new Promise(() => {}), timeoutMs: 5 });
    await signer.firstTry;
    await expect(signer.identity()).rejects.toThrow('within 5 ms');
  });
});
