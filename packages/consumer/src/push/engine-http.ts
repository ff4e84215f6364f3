/**
 * Requests to an engine. Each may be repeated: a GET changes nothing, and a POST has ids that the engine remembers for
 * far longer than the repetitions of one call take. The key is in a header and nowhere else.
 */
import { isJsonObject, type Json, parseJson } from '@waybill/schema/internal';
import { ConsumerError } from '../errors.ts';
import { pause } from '../pause.ts';

interface EngineRequest {
  readonly method: 'GET' | 'POST';
  /** Below the base, with its query. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

interface EngineAnswer {
  /** 200 to 499. */
  readonly status: number;
  /** null when it is no JSON. */
  readonly json: Json;
  readonly text: string;
}

export interface EngineHttp {
  /** @throws ConsumerError ENGINE_UNREACHABLE, ENGINE_REFUSED for the key */
  request(request: EngineRequest): Promise<EngineAnswer>;
}

export interface EngineHttpOptions {
  readonly url: string;
  readonly key: string | null;
  /** For one attempt. */
  readonly timeoutMs: number;
  /** Before the second attempt; each later pause is twice as long. */
  readonly retryPauseMs: number;
}

const ATTEMPTS = 5;
const MAX_PAUSE_MS = 60_000;
/** What is shorter is no secret, and may be a part of anything. */
const MIN_SECRET = 8;
const MAX_ANSWER_BYTES = 8 * 1024 * 1024;
/** 409: Stripe says so while the same request is still being worked on. */
const PASSING: ReadonlySet<number> = new Set([408, 409, 425, 429, 500, 502, 503, 504]);

export function createEngineHttp({ url, key, timeoutMs, retryPauseMs }: EngineHttpOptions): EngineHttp {
  async function attempt({ method, path, headers, body }: EngineRequest): Promise<Response> {
    return fetch(`${url}${path}`, {
      method,
      headers: { accept: 'application/json', ...headers, ...(key !== null && { authorization: `Bearer ${key}` }) },
      ...(body !== undefined && { body }),
      // A redirect would carry the key elsewhere.
      redirect: 'manual',
      signal: AbortSignal.timeout(timeoutMs),
    });
  }

  async function once(request: EngineRequest): Promise<EngineAnswer | Passing> {
    try {
      const response = await attempt(request);
      const whole = await textOf(response);
      // A server that repeats the key must not put it into a log.
      const text = withoutKey(whole, key);
      if (PASSING.has(response.status)) return passing(`${response.status} ${shown(text)}`, retryAfterMs(response));
      return { status: response.status, json: jsonOf(whole, key), text };
    } catch (error) {
      const { cause, message } = error as Error & { cause?: Error & { code?: string } };
      return passing(cause?.code ?? cause?.message ?? message, null);
    }
  }

  return {
    async request(request) {
      const what = `${request.method} ${url}${request.path.split('?', 1)[0]}`;
      for (let n = 1; ; n++) {
        const answer = await once(request);
        if (!('passing' in answer)) return checkAnswer(what, answer);
        const waitMs = answer.afterMs ?? retryPauseMs * 2 ** (n - 1) * (0.75 + Math.random() / 2);
        if (n === ATTEMPTS || waitMs > MAX_PAUSE_MS) {
          const later = answer.afterMs === null ? '' : `, and asks to wait ${Math.ceil(answer.afterMs / 1000)} s`;
          throw new ConsumerError(
            'ENGINE_UNREACHABLE',
            `${what}: no usable answer in ${n} attempts: ${answer.passing}${later}`,
          );
        }
        await pause(waitMs);
      }
    },
  };
}

/** What may be gone when it is tried again. */
interface Passing {
  readonly passing: string;
  readonly afterMs: number | null;
}

function passing(why: string, afterMs: number | null): Passing {
  return { passing: why, afterMs };
}

function checkAnswer(what: string, answer: EngineAnswer): EngineAnswer {
  const { status, text } = answer;
  if (status === 401 || status === 403)
    throw new ConsumerError('ENGINE_REFUSED', `${what}: the key is not accepted (${status} ${shown(text)})`);
  if (status >= 200 && status < 500 && !(status >= 300 && status < 400)) return answer;
  throw noAnswer(what, answer);
}

/** RFC 9110: seconds, or a date. */
function retryAfterMs(response: Response): number | null {
  const text = response.headers.get('retry-after');
  if (text === null) return null;
  if (/^\d{1,9}$/.test(text)) return Number(text) * 1000;
  const at = Date.parse(text);
  return Number.isNaN(at) ? null : Math.max(0, at - Date.now());
}

async function textOf(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of response.body ?? []) {
    length += chunk.length;
    if (length > MAX_ANSWER_BYTES) throw new Error(`the answer has more than ${MAX_ANSWER_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function withoutKey(text: string, key: string | null): string {
  if (key === null) return text;
  return text.replaceAll(key, '(key)').replaceAll(JSON.stringify(key).slice(1, -1), '(key)');
}

/** Its texts are shown, too. Other values are compared, and no key of that many characters is one of them. */
function jsonOf(text: string, key: string | null): Json {
  try {
    const json = parseJson(text);
    return key !== null && key.length >= MIN_SECRET ? withoutKeyIn(json, key) : json;
  } catch {
    // It is shown as it is.
    return null;
  }
}

function withoutKeyIn(json: Json, key: string): Json {
  if (typeof json === 'string') return json.replaceAll(key, '(key)');
  if (Array.isArray(json)) return json.map((one) => withoutKeyIn(one, key));
  if (!isJsonObject(json)) return json;
  return Object.fromEntries(
    Object.entries(json).map(([name, value]) => [name.replaceAll(key, '(key)'), withoutKeyIn(value, key)]),
  );
}

/**
 * A success that the engine's API does not document, such as the page of a proxy. Nothing is known of what was sent.
 */
export function noAnswer(what: string, { status, text }: Pick<EngineAnswer, 'status' | 'text'>): ConsumerError {
  return new ConsumerError(
    'ENGINE_REFUSED',
    `${what}: ${status} is no answer of this API: ${shown(text)}; check the URL`,
  );
}

/** The beginning of an answer, for a message. */
export function shown(text: string): string {
  const line = text.replaceAll(/\s+/g, ' ').trim();
  return line.length > 300 ? `${line.slice(0, 300)}…` : line;
}
