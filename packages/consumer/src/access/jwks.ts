/** An issuer's public keys: fetched when they are needed, kept for 10 minutes, at most 256 KiB. */
import {
  createLocalJWKSet,
  createRemoteJWKSet,
  customFetch,
  type FetchImplementation,
  type JSONWebKeySet,
  type JWTVerifyGetKey,
} from 'jose';

const TIMEOUT_MS = 5_000;
/** A key that is not there is looked for again after this time, whoever asks how often. */
const COOLDOWN_MS = 30_000;
const MAX_AGE_MS = 600_000;
/** After a failure the issuer is left alone for so long. jose itself waits after a success only. */
const PAUSE_MS = 5_000;
const MAX_BYTES = 256 * 1024;

/** The issuer does not answer with keys. That says nothing about a token. */
export class NoKeys extends Error {}

export function createJwks(url: string): JWTVerifyGetKey {
  return createRemoteJWKSet(new URL(url), {
    timeoutDuration: TIMEOUT_MS,
    cooldownDuration: COOLDOWN_MS,
    cacheMaxAge: MAX_AGE_MS,
    [customFetch]: pausing(url),
  });
}

function pausing(url: string): FetchImplementation {
  let failed: { readonly at: number; readonly error: NoKeys } | null = null;
  return async (resource, options) => {
    if (failed !== null && performance.now() - failed.at < PAUSE_MS) throw failed.error;
    try {
      const keys = await fetchKeys(resource, options);
      failed = null;
      return keys;
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      const error = new NoKeys(`could not fetch the keys at ${url}: ${why}`, { cause });
      failed = { at: performance.now(), error };
      throw error;
    }
  };
}

/** Redirections are not followed: the address that was configured is the one that is trusted. */
async function fetchKeys(url: string, options: Parameters<FetchImplementation>[1]): Promise<Response> {
  const response = await fetch(url, options);
  if (response.status !== 200 || response.body === null) {
    await response.body?.cancel();
    throw new Error(`the answer has status ${response.status}`);
  }
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body) {
    size += chunk.length;
    if (size > MAX_BYTES) throw new Error(`the answer has more than ${MAX_BYTES} bytes`);
    chunks.push(chunk);
  }
  const text = Buffer.concat(chunks).toString('utf8');
  // jose asks again at once for keys that it cannot read: here they count as a failure.
  createLocalJWKSet(JSON.parse(text) as JSONWebKeySet);
  return new Response(text, { status: 200 });
}
