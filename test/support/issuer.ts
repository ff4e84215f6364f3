/**
 * An issuer of JWTs: keys, and a server that hands them out. Tokens are made by `node:crypto` alone, and so by other code
 * than that which checks them.
 */
import { constants, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export const ISSUER = 'https://id.example/';
export const AUDIENCE = 'waybill';

/** A JSON Web Key (RFC 7517). */
export type Jwk = Readonly<Record<string, unknown>> & { readonly x?: string };

export interface Issuer extends AsyncDisposable {
  /** Where the keys are. */
  readonly url: string;
  /** How often they were asked for. */
  readonly requests: number;
  readonly publicKey: Jwk;
  /** What is answered instead of the keys; null: the keys. */
  answerWith(answer: { status: number; body: string; location?: string } | null): void;
  /** A good token, but for what is given. A claim that is undefined is left out. */
  sign(claims?: object, header?: Record<string, unknown>): string;
}

export type Algorithm = 'ES256' | 'RS256' | 'PS256' | 'EdDSA';

const MAKERS: Readonly<Record<Algorithm, () => { publicKey: KeyObject; privateKey: KeyObject }>> = {
  ES256: () => generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  RS256: () => generateKeyPairSync('rsa', { modulusLength: 2_048 }),
  PS256: () => generateKeyPairSync('rsa', { modulusLength: 2_048 }),
  EdDSA: () => generateKeyPairSync('ed25519'),
};

export const base64url = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');

/** A signed JWT (RFC 7515 §7.1), whatever its header says. */
export function signJwt(header: object, claims: object, { alg, key }: { alg: Algorithm; key: KeyObject }): string {
  const text = `${base64url(header)}.${base64url(claims)}`;
  const bytes = Buffer.from(text);
  const signature = {
    ES256: () => sign('sha256', bytes, { key, dsaEncoding: 'ieee-p1363' }),
    RS256: () => sign('sha256', bytes, key),
    PS256: () => sign('sha256', bytes, { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 }),
    EdDSA: () => sign(null, bytes, key),
  }[alg]();
  return `${text}.${signature.toString('base64url')}`;
}

export async function startIssuer(alg: Algorithm = 'ES256'): Promise<Issuer> {
  const { publicKey, privateKey } = MAKERS[alg]();
  const kid = 'key-1';
  const keys: Jwk[] = [{ ...publicKey.export({ format: 'jwk' }), kid, alg, use: 'sig' }];
  let requests = 0;
  let answer: { status: number; body: string; location?: string } | null = null;

  const server = createServer((_, response) => {
    requests++;
    const { status, body, location } = answer ?? { status: 200, body: JSON.stringify({ keys }) };
    response
      .writeHead(status, { 'content-type': 'application/json', ...(location !== undefined && { location }) })
      .end(body);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;

  return {
    url: `http://127.0.0.1:${port}/keys`,
    get requests() {
      return requests;
    },
    get publicKey() {
      return keys[0] as Jwk;
    },
    answerWith: (other) => void (answer = other),
    sign(claims = {}, header = {}) {
      const now = Math.floor(Date.now() / 1_000);
      const all = {
        iss: ISSUER,
        aud: AUDIENCE,
        sub: 'u-7',
        exp: now + 300,
        scope: 'billing',
        orgs: ['acme'],
        ...claims,
      };
      return signJwt({ alg, kid, ...header }, all, { alg, key: privateKey });
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
