/** What is stored of a token: one message on `<prefix>.token.<id>`, of which the newest counts. */
import { ORGID_PATTERN } from '@waybill/schema/internal';
import { type Scope, SCOPES } from '@waybill/schema/routes';
import { z } from 'zod';
import { TOKEN_ID_PATTERN } from './token-text.ts';

export const MAX_ORGANIZATIONS = 1_000;
export const MAX_NAME = 128;

const time = z.iso.datetime({ precision: 3 });
const who = z.string().max(256);

/** The JSON of a message. A member that this version does not know makes it unreadable, and the token unusable. */
export const TokenRecord = z.strictObject({
  v: z.literal(1),
  id: z.string().regex(TOKEN_ID_PATTERN),
  /** For people: what it is for, or who has it. */
  name: z.string().min(1).max(MAX_NAME),
  /** SHA-256 of the token's whole text, in hex. */
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  scopes: z.array(z.enum(SCOPES)).min(1),
  /** `all`: those of later days too. */
  organizations: z.union([z.literal('all'), z.array(z.string().regex(ORGID_PATTERN)).min(1).max(MAX_ORGANIZATIONS)]),
  /** RFC 3339, UTC, as all times here. */
  created_at: time,
  created_by: who,
  expires_at: time,
  revoked_at: time.optional(),
  revoked_by: who.optional(),
});
export type TokenRecord = z.infer<typeof TokenRecord>;

/** null: it is no record of this token that this version can read. */
export function parseRecord(id: string, bytes: Uint8Array): TokenRecord | null {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    return null;
  }
  const result = TokenRecord.safeParse(value);
  return result.success && result.data.id === id ? result.data : null;
}

export type TokenState = 'valid' | 'expired' | 'revoked';

export function stateOf(record: Pick<TokenRecord, 'expires_at' | 'revoked_at'>, now: Date): TokenState {
  if (record.revoked_at !== undefined) return 'revoked';
  return Date.parse(record.expires_at) > now.getTime() ? 'valid' : 'expired';
}

const DAY_MS = 86_400_000;

/** How long a token may live. */
export interface Lifetime {
  readonly defaultMs: number;
  readonly maxMs: number;
}

/** With these a token reads whole events, names of people included, or manages other tokens. Auditors have them. */
const SENSITIVE: ReadonlySet<Scope> = new Set(['entries:read', 'export', 'admin']);

export function lifetimeOf(scopes: readonly Scope[]): Lifetime {
  return scopes.some((scope) => SENSITIVE.has(scope))
    ? { defaultMs: 30 * DAY_MS, maxMs: 90 * DAY_MS }
    : { defaultMs: 90 * DAY_MS, maxMs: 366 * DAY_MS };
}
