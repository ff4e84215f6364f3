/** The clients of the store: they put every artifact, some of them twice, and get some of them back. */
import { hash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { Agent, type IncomingMessage, request } from 'node:http';
import { buffer } from 'node:stream/consumers';
import type { Artifact } from './artifacts.ts';
import type { Tally } from './tally.ts';

export interface ClientsOptions {
  /** Of the store. */
  readonly url: string;
  readonly artifacts: readonly Artifact[];
  readonly tally: Tally;
  /** No further artifact is begun after so long. */
  readonly durationMs: number;
  readonly signal: AbortSignal;
  /** Waited for before each artifact. */
  readonly pace: () => Promise<void>;
  /** @param done artifacts */
  readonly onProgress: (done: number) => void;
}

const CLIENTS = 12;
/** Every third artifact is put once more, every fourth is got. */
const AGAIN = 3;
const GET = 4;

/**
 * Resolves to the number of artifacts when all are through, or the time is up.
 *
 * @throws when the store answers anything but what it has to
 */
export async function runClients(options: ClientsOptions): Promise<number> {
  const { url, artifacts, tally, signal } = options;
  const agent = new Agent({ keepAlive: true, maxSockets: CLIENTS });
  const untilMs = performance.now() + options.durationMs;
  /** Who put a content first, by organization and digest: whoever comes later waits, and then finds it there. */
  const first = new Map<string, Promise<void>>();
  let next = 0;
  let done = 0;

  async function put({ orgid, name }: Artifact, digest: string, body: Buffer, expected: 201 | 200): Promise<void> {
    await exchange({ method: 'PUT', orgid, name, digest, body, expected });
    tally.add(orgid, expected === 201 ? 'uploads' : 'deduplicated', body.length);
  }

  async function get({ orgid, name }: Artifact, digest: string): Promise<void> {
    const body = await exchange({ method: 'GET', orgid, name, digest, expected: 200 });
    if (digestOf(body) !== digest) throw new Error(`GET ${digest} gave other content, for ${name}`);
    tally.add(orgid, 'downloads', body.length);
  }

  async function client(): Promise<void> {
    while (next < artifacts.length && performance.now() < untilMs) {
      signal.throwIfAborted();
      await options.pace();
      const n = next++;
      const artifact = artifacts[n];
      if (!artifact) return;
      const body = await readFile(artifact.path);
      const digest = digestOf(body);
      const key = `${artifact.orgid} ${digest}`;
      const earlier = first.get(key);
      if (earlier) {
        await earlier;
        await put(artifact, digest, body, 200);
      } else {
        const mine = put(artifact, digest, body, 201);
        first.set(key, mine);
        await mine;
      }
      if (n % AGAIN === 0) await put(artifact, digest, body, 200);
      if (n % GET === 0) await get(artifact, digest);
      options.onProgress(++done);
    }
  }

  interface Exchange {
    readonly method: 'PUT' | 'GET';
    readonly orgid: string;
    readonly name: string;
    readonly digest: string;
    readonly body?: Buffer;
    readonly expected: number;
  }

  async function exchange({ method, orgid, name, digest, body, expected }: Exchange): Promise<Buffer> {
    const headers = { 'x-organization': orgid, 'x-actor': 'npm-start', 'x-file-name': encodeURI(name) };
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
    request(`${url}/cas/${digest}`, { method, headers, agent, signal }, resolve).on('error', reject).end(body);
    const response = await promise;
    const content = await buffer(response);
    if (response.statusCode === expected) return content;
    const what = `${method} ${digest} of ${orgid} (${name})`;
    throw new Error(`${what}: expected ${expected}, got ${response.statusCode}: ${content.toString().slice(0, 200)}`);
  }

  try {
    await Promise.all(Array.from({ length: CLIENTS }, client));
    return done;
  } finally {
    agent.destroy();
  }
}

function digestOf(body: Buffer): string {
  return `sha256:${hash('sha256', body)}`;
}
