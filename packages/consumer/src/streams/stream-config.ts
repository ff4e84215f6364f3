/**
 * The `streams/` room: the two streams as things that somebody has to configure. What they must look like, how to
 * create and correct them, how to notice that somebody changed one, and which user may do what. No message of either
 * stream comes in.
 *
 * This file has the wanted configurations, and says how far a stream is from its own.
 */
import { DiscardPolicy, RetentionPolicy, StorageType, type StreamConfig, type StreamInfo } from '@nats-io/jetstream';
import { nanos } from '@nats-io/nats-core';
import type { JsonObject } from '@waybill/schema/internal';
import type { Settings } from '../settings.ts';

/** What an operator decides about the streams. 0: no limit. */
export interface StreamLimits {
  readonly replicas: number;
  readonly auditMaxAgeMs: number;
  readonly auditMaxBytes: number;
  readonly ledgerMaxBytes: number;
}

export const NO_LIMITS = { replicas: 1, auditMaxAgeMs: 0, auditMaxBytes: 0, ledgerMaxBytes: 0 } satisfies StreamLimits;

/** The fields that Waybill decides. All others (placement, metadata, compression) are the operator's. */
export type WantedStream = Pick<
  StreamConfig,
  | 'name'
  | 'subjects'
  | 'retention'
  | 'storage'
  | 'discard'
  | 'deny_delete'
  | 'deny_purge'
  | 'allow_direct'
  | 'duplicate_window'
  | 'max_age'
  | 'max_bytes'
  | 'num_replicas'
>;

const DUPLICATE_WINDOW_MS = 120_000;

/**
 * The stream of events, and of what operators say about them: both come in one order. It takes messages of any size: a
 * message that is too large for an event has to be recorded too.
 */
export function auditStreamConfig(
  { auditStream, auditPrefix, controlPrefix }: Settings,
  limits: StreamLimits,
): WantedStream {
  return wantedStream({
    name: auditStream,
    subjects: [`${auditPrefix}.>`, `${controlPrefix}.>`],
    maxAgeMs: limits.auditMaxAgeMs,
    maxBytes: limits.auditMaxBytes,
    replicas: limits.replicas,
  });
}

/** The stream of blocks. No limit ever removes one. */
export function ledgerStreamConfig({ ledgerStream, ledgerPrefix }: Settings, limits: StreamLimits): WantedStream {
  return wantedStream({
    name: ledgerStream,
    subjects: [`${ledgerPrefix}.*`],
    maxAgeMs: 0,
    maxBytes: limits.ledgerMaxBytes,
    replicas: limits.replicas,
  });
}

export interface AccessStream {
  readonly stream: string;
  /** Tokens are on `<prefix>.token.<id>`. */
  readonly prefix: string;
  readonly replicas: number;
}

/** The stream of tokens. What was stored of a token stays: a revocation is a message after it. */
export function accessStreamConfig({ stream, prefix, replicas }: AccessStream): WantedStream {
  return wantedStream({ name: stream, subjects: [`${prefix}.token.*`], maxAgeMs: 0, maxBytes: 0, replicas });
}

/**
 * Atomic batches (atomic-batch.ts) make the ledger faster. Their absence is no drift. AUDIT has none: a stream holds
 * few unfinished batches, and any producer could leave some.
 */
export const RECOMMENDED_FOR_LEDGER = { allow_atomic: true } satisfies Partial<StreamConfig>;

interface StreamChoices {
  readonly name: string;
  readonly subjects: string[];
  readonly maxAgeMs: number;
  readonly maxBytes: number;
  readonly replicas: number;
}

function wantedStream({ name, subjects, maxAgeMs, maxBytes, replicas }: StreamChoices): WantedStream {
  return {
    name,
    subjects,
    retention: RetentionPolicy.Limits,
    storage: StorageType.File,
    // `old` would delete what nobody has read yet. With `new`, the server refuses new messages, and publishers keep
    // them.
    discard: DiscardPolicy.New,
    deny_delete: true,
    deny_purge: true,
    allow_direct: true,
    // The server allows no window longer than the maximum age.
    duplicate_window: nanos(maxAgeMs === 0 ? DUPLICATE_WINDOW_MS : Math.min(DUPLICATE_WINDOW_MS, maxAgeMs)),
    max_age: nanos(maxAgeMs),
    max_bytes: maxBytes === 0 ? -1 : maxBytes,
    num_replicas: replicas,
  };
}

/** A field of a stream that is not as wanted. */
export interface Drift {
  readonly stream: string;
  /** As in the server's stream configuration; `stream` when the stream itself is missing. */
  readonly field: string;
  readonly wanted: unknown;
  readonly found: unknown;
}

/** In a sentence, for people. */
export function describeDrift({ stream, field, wanted, found }: Drift): string {
  if (field === 'stream') return `${stream} is missing`;
  const what = `${stream} ${field} is ${JSON.stringify(found)}, wanted ${JSON.stringify(wanted)}`;
  if (field !== 'subjects' || !Array.isArray(wanted)) return what;
  const missing = wanted.filter((subject) => !Array.isArray(found) || !found.includes(subject));
  return missing.length === 0 ? what : `${what}: what is published on ${missing.join(', ')} is not stored`;
}

/** Fields that must have the server's default. Any other value removes, changes or adds messages without the writer. */
const DEFAULT_FIELDS = {
  sealed: false,
  no_ack: false,
  allow_rollup_hdrs: false,
  allow_msg_ttl: false,
  allow_msg_counter: false,
  allow_msg_schedules: false,
  discard_new_per_subject: false,
  max_msgs: -1,
  max_msgs_per_subject: -1,
  max_msg_size: -1,
  max_consumers: -1,
  subject_delete_marker_ttl: 0,
  persist_mode: 'default',
  subject_transform: null,
  mirror: null,
  sources: null,
} as const;

/** Fields of LEDGER whose wrong values cost space, speed or copies, but no block. */
const HARMLESS_FIELDS: ReadonlySet<string> = new Set([
  'stream',
  'max_bytes',
  'max_msg_size',
  'max_consumers',
  'num_replicas',
  'duplicate_window',
  'allow_direct',
]);

/** Whether a change of this field of LEDGER may let somebody remove, change or add blocks. */
export function mayHarmLedger(field: string): boolean {
  return !HARMLESS_FIELDS.has(field);
}

/**
 * Compares a stream as the server describes it with the wanted one. A field that is absent has the server's default.
 */
export function findDrift(wanted: WantedStream, found: Partial<StreamConfig>): Drift[] {
  const drift: Drift[] = [];
  for (const [field, value] of Object.entries({ ...wanted, ...DEFAULT_FIELDS })) {
    const actual = valueOf(found, field);
    if (!isEqual(value, actual)) drift.push({ stream: wanted.name, field, wanted: value, found: actual });
  }
  return drift;
}

/** The drift of a stream that does not exist. */
export function missingStream(wanted: WantedStream): Drift {
  return { stream: wanted.name, field: 'stream', wanted: 'exists', found: null };
}

/** A stream as `_system` records it: the fields that are compared, with their values, and its time of creation. */
export type StreamDescription = JsonObject;

export function describeStream({ created, config }: Pick<StreamInfo, 'created' | 'config'>): StreamDescription {
  const fields = [
    ...Object.keys(wantedStream({ name: '', subjects: [], maxAgeMs: 0, maxBytes: 0, replicas: 1 })),
    ...Object.keys(DEFAULT_FIELDS),
  ];
  const values = fields.filter((field) => field !== 'name').map((field) => [field, valueOf(config, field)] as const);
  return { created, ...(Object.fromEntries(values) as JsonObject) };
}

function valueOf(found: Partial<StreamConfig>, field: string): unknown {
  const value = (found as Readonly<Record<string, unknown>>)[field];
  if (Array.isArray(value) && value.length === 0) return null;
  if (value !== undefined && value !== '') {
    // 0 and -1 both mean "no limit" here, and servers report either.
    return value === 0 && LIMIT_FIELDS.has(field) ? -1 : value;
  }
  return field in DEFAULT_FIELDS
    ? DEFAULT_FIELDS[field as keyof typeof DEFAULT_FIELDS]
    : (SERVER_DEFAULTS[field] ?? false);
}

/** Fields in which any number below 1 means no limit. */
const LIMIT_FIELDS: ReadonlySet<string> = new Set([
  'max_msgs',
  'max_msgs_per_subject',
  'max_msg_size',
  'max_consumers',
  'max_bytes',
]);
/** What the server means when a field is absent that we set ourselves. */
const SERVER_DEFAULTS: Readonly<Record<string, unknown>> = {
  max_age: 0,
  max_bytes: -1,
  num_replicas: 1,
  duplicate_window: 0,
  subjects: [],
};

/** Lists are equal in any order. */
function isEqual(a: unknown, b: unknown): boolean {
  if (!Array.isArray(a) || !Array.isArray(b)) return a === b;
  return new Set([...a, ...b]).size === a.length && a.length === b.length;
}
