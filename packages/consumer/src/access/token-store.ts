/** Makes, lists and revokes tokens. Needs an identity that may write to their stream. */
import { jetstream, JetStreamApiCodes, JetStreamApiError, jetstreamManager } from '@nats-io/jetstream';
import { ORGID_PATTERN } from '@waybill/schema/internal';
import { type Scope, SCOPES } from '@waybill/schema/routes';
import { ConsumerError } from '../errors.ts';
import { inParallel } from '../in-parallel.ts';
import { getLastMessage } from '../nats/leader-get.ts';
import { explain } from '../nats/nats-error.ts';
import type { TokenStreamOptions } from './token-lookup.ts';
import { lifetimeOf, MAX_NAME, MAX_ORGANIZATIONS, parseRecord, type TokenRecord } from './token-record.ts';
import { hashOfToken, makeToken, TOKEN_ID_PATTERN } from './token-text.ts';

export interface NewToken {
  /** For people: what it is for, or who has it. At most 128 characters. */
  readonly name: string;
  readonly scopes: readonly Scope[];
  /** `all`: those of later days too. */
  readonly organizations: 'all' | readonly string[];
  /** Default: 90 days; 30 days with `entries:read`, `export` or `admin`. At most 366 and 90 days. */
  readonly expiresInMs?: number | undefined;
  /** Who makes it, as the record names them. */
  readonly by: string;
}

export interface MadeToken {
  /** `wb_<id>_<secret>`. It is stored nowhere: this is the only time that it is seen. */
  readonly token: string;
  readonly record: TokenRecord;
}

/**
 * Makes a token. It is returned once its record is stored.
 *
 * @throws ConsumerError BAD_ARGUMENT, NO_STREAM, NO_PERMISSION; NO_ANSWER: the record may be stored, and nobody has its
 *   secret
 */
export async function createToken(at: TokenStreamOptions, request: NewToken): Promise<MadeToken> {
  const expiresInMs = checkNewToken(request);
  const made = makeToken();
  const now = Date.now();
  const record: TokenRecord = {
    v: 1,
    id: made.id,
    name: request.name,
    sha256: hashOfToken(made),
    scopes: SCOPES.filter((scope) => request.scopes.includes(scope)),
    organizations: request.organizations === 'all' ? 'all' : [...new Set(request.organizations)].toSorted(),
    created_at: new Date(now).toISOString(),
    created_by: request.by.slice(0, 256),
    expires_at: new Date(now + expiresInMs).toISOString(),
  };
  // 80 random bits: an id that is taken is another's, and is an error rather than a second try.
  if (!(await store(at, record, 0))) throw new ConsumerError('NO_ANSWER', 'could not make a token: its id is taken');
  return { token: made.text, record };
}

/** The newest record of each token, oldest token first. @throws ConsumerError NO_STREAM, NO_PERMISSION, NO_ANSWER */
export async function listTokens(at: TokenStreamOptions): Promise<TokenRecord[]> {
  const { nc, stream, prefix } = at;
  const jsm = await jetstreamManager(nc, { checkAPI: false });
  let subjects: string[];
  try {
    const { state } = await jsm.streams.info(stream, { subjects_filter: `${prefix}.token.*` });
    subjects = Object.keys(state.subjects ?? {});
  } catch (cause) {
    throw explain(cause, `list the tokens of stream ${stream}`);
  }
  const records = await inParallel(subjects, 16, async (subject) => {
    const message = await getLastMessage(jsm, stream, subject);
    return message && parseRecord(subject.slice(`${prefix}.token.`.length), message.data);
  });
  return records.filter((record) => record !== null).toSorted((a, b) => (a.created_at < b.created_at ? -1 : 1));
}

/** What came of a revocation. */
export interface Revocation {
  readonly record: TokenRecord;
  /** false: somebody had revoked it before. */
  readonly isNew: boolean;
}

const MAX_TRIES = 5;

/**
 * Revokes a token, by a new message that keeps its record. It holds everywhere within 10 s. Doing it twice changes
 * nothing.
 *
 * @throws ConsumerError BAD_ARGUMENT, NO_TOKEN, NO_STREAM, NO_PERMISSION, NO_ANSWER
 */
export async function revokeToken(at: TokenStreamOptions, id: string, by: string): Promise<Revocation> {
  if (!TOKEN_ID_PATTERN.test(id)) {
    // Not shown: it may be a token.
    throw new ConsumerError('BAD_ARGUMENT', 'the id of a token is the part between wb_ and the second _');
  }
  const jsm = await jetstreamManager(at.nc, { checkAPI: false });
  for (let tries = 0; tries < MAX_TRIES; tries++) {
    const message = await getLastMessage(jsm, at.stream, `${at.prefix}.token.${id}`);
    const record = message && parseRecord(id, message.data);
    if (!record) throw new ConsumerError('NO_TOKEN', `could not revoke ${id}: there is no token with this id`);
    if (record.revoked_at !== undefined) return { record, isNew: false };
    const revoked = { ...record, revoked_at: new Date().toISOString(), revoked_by: by.slice(0, 256) };
    if (await store(at, revoked, message.seq)) return { record: revoked, isNew: true };
  }
  throw new ConsumerError('NO_ANSWER', `could not revoke ${id}: others changed its record again and again`);
}

/** @returns false when the newest message of the token is another than the one with this sequence; 0: none */
async function store(
  { nc, stream, prefix }: TokenStreamOptions,
  record: TokenRecord,
  lastSubjectSequence: number,
): Promise<boolean> {
  try {
    await jetstream(nc).publish(`${prefix}.token.${record.id}`, JSON.stringify(record), {
      expect: { streamName: stream, lastSubjectSequence },
    });
    return true;
  } catch (cause) {
    if (cause instanceof JetStreamApiError && cause.code === JetStreamApiCodes.StreamWrongLastSequence) return false;
    const error = explain(cause, `store token ${record.id}`);
    // Nobody listens on the subject: the stream is not there.
    if (error.code !== 'JETSTREAM_OFF') throw error;
    throw new ConsumerError('NO_STREAM', `could not store token ${record.id}: there is no stream ${stream}`, { cause });
  }
}

/** @returns how long it lives, in milliseconds @throws ConsumerError BAD_ARGUMENT */
function checkNewToken({ name, scopes, organizations, expiresInMs }: NewToken): number {
  const bad = (message: string): ConsumerError =>
    new ConsumerError('BAD_ARGUMENT', `could not make a token: ${message}`);
  if (typeof name !== 'string' || name.trim() === '' || name.length > MAX_NAME || /\p{C}/u.test(name)) {
    throw bad(`its name has 1 to ${MAX_NAME} characters, and none that cannot be seen`);
  }
  if (scopes.length === 0 || scopes.some((scope) => !SCOPES.includes(scope))) {
    throw bad(`scopes are ${scopes.join(', ') || 'none'}: expected some of ${SCOPES.join(', ')}`);
  }
  if (organizations !== 'all') {
    if (organizations.length === 0) throw bad('it names no organization');
    if (organizations.length > MAX_ORGANIZATIONS) throw bad(`it names more than ${MAX_ORGANIZATIONS} organizations`);
    const wrong = organizations.find((orgid) => !ORGID_PATTERN.test(orgid));
    if (wrong !== undefined) throw bad(`organization ${JSON.stringify(wrong)}: expected ${ORGID_PATTERN.source}`);
  }
  const { defaultMs, maxMs } = lifetimeOf(scopes);
  const lifetime = expiresInMs ?? defaultMs;
  if (lifetime >= 1_000 && lifetime <= maxMs) return lifetime;
  throw bad(`with these scopes it lives 1 second to ${maxMs / 86_400_000} days, and not ${lifetime / 1_000} seconds`);
}
