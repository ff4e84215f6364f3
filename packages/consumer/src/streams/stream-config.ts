/**
 * The `streams/` room: the two streams as things that somebody has to configure. What they must look like, how to create and
 * correct them, how to notice that somebody changed one, and which user may do what. No message of either stream comes in.
 *
 * This file has the wanted configurations, and says how far a stream is from its own.
 */
import { DiscardPolicy, RetentionPolicy, StorageType, type StreamConfig, type StreamInfo } from '@nats-io/jetstream';
import { nanos } from '@nats-io/nats-core';
import type { JsonObject } from '@waybill/schema';
import type { Settings } from '../settings.ts';

/** What an operator decides about the streams. 0 means no limit. */
export interface StreamLimits {
  readonly replicas: number;
  readonly auditMaxAgeMs: number;
  readonly auditMaxBytes: number;
  readonly ledgerMaxBytes: number;
}

export const NO_LIMITS = { replicas: 1, auditMaxAgeMs: 0, auditMaxBytes: 0, ledgerMaxBytes: 0 } satisfies StreamLimits;

/** The fields that matter; whatever else a stream has (placement, metadata, compression) is its owner's business. */
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

/** Events. Any size is taken, since a message that is too large for an event has to be recorded too. */
export function auditStream({ auditStream, auditPrefix }: Settings, limits: StreamLimits): WantedStream {
  return wanted({
    name: auditStream,
    subjects: [`${auditPrefix}.>`],
    maxAgeMs: limits.auditMaxAgeMs,
    maxBytes: limits.auditMaxBytes,
    replicas: limits.replicas,
  });
}

/** Blocks. Nothing ever leaves it. */
export function ledgerStream({ ledgerStream, ledgerPrefix }: Settings, limits: StreamLimits): WantedStream {
  return wanted({
    name: ledgerStream,
    subjects: [`${ledgerPrefix}.*`],
    maxAgeMs: 0,
    maxBytes: limits.ledgerMaxBytes,
    replicas: limits.replicas,
  });
}

/**
 * What makes the ledger faster and is no drift when it is missing: atomic batches (atomic-batch.ts). AUDIT has none, since
 * a stream holds few unfinished batches, and any producer could leave some.
 */
export const LEDGER_ADVICE = { allow_atomic: true } satisfies Partial<StreamConfig>;

interface Stream {
  readonly name: string;
  readonly subjects: string[];
  readonly maxAgeMs: number;
  readonly maxBytes: number;
  readonly replicas: number;
}

function wanted({ name, subjects, maxAgeMs, maxBytes, replicas }: Stream): WantedStream {
  return {
    name,
    subjects,
    retention: RetentionPolicy.Limits,
    storage: StorageType.File,
    // `old` would erase what nobody has read yet. With `new` the publisher is refused, and spools.
    discard: DiscardPolicy.New,
    deny_delete: true,
    deny_purge: true,
    allow_direct: true,
    // The server refuses a window longer than the age.
    duplicate_window: nanos(maxAgeMs === 0 ? DUPLICATE_WINDOW_MS : Math.min(DUPLICATE_WINDOW_MS, maxAgeMs)),
    max_age: nanos(maxAgeMs),
    max_bytes: maxBytes === 0 ? -1 : maxBytes,
    num_replicas: replicas,
  };
}

/** One field of a stream that is not as wanted. */
export interface Drift {
  readonly stream: string;
  /** As in the server's stream configuration; `stream` when the stream itself is missing. */
  readonly field: string;
  readonly wanted: unknown;
  readonly found: unknown;
}

/** For people. */
export function describeDrift({ stream, field, wanted, found }: Drift): string {
  if (field === 'stream') return `${stream} is missing`;
  return `${stream} ${field} is ${JSON.stringify(found)}, wanted ${JSON.stringify(wanted)}`;
}

/** Fields that must keep what the server takes as their default: each would remove, change or add messages behind the ledger's back. */
const UNUSED = {
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

/** Fields of LEDGER that cost space, speed or copies when they are wrong, but no block. */
const HARMLESS: ReadonlySet<string> = new Set([
  'stream',
  'max_bytes',
  'max_msg_size',
  'max_consumers',
  'num_replicas',
  'duplicate_window',
  'allow_direct',
]);

/** Whether a change of this field of LEDGER may let blocks be erased, changed or added by others. */
export function mayHarmLedger(field: string): boolean {
  return !HARMLESS.has(field);
}

/** Compares a stream as the server describes it with the wanted one; a field that is absent has the server's default. */
export function findDrift(wanted: WantedStream, found: Partial<StreamConfig>): Drift[] {
  const drift: Drift[] = [];
  for (const [field, value] of Object.entries({ ...wanted, ...UNUSED })) {
    const actual = valueOf(found, field);
    if (!same(value, actual)) drift.push({ stream: wanted.name, field, wanted: value, found: actual });
  }
  return drift;
}

/** A whole missing stream as one drift. */
export function missing(wanted: WantedStream): Drift {
  return { stream: wanted.name, field: 'stream', wanted: 'exists', found: null };
}

/** A stream as `_system` records it: the fields that are compared, with their values, and when it was made. */
export type StreamDescription = JsonObject;

export function describeStream({ created, config }: Pick<StreamInfo, 'created' | 'config'>): StreamDescription {
  const fields = [
    ...Object.keys(wanted({ name: '', subjects: [], maxAgeMs: 0, maxBytes: 0, replicas: 1 })),
    ...Object.keys(UNUSED),
  ];
  const values = fields.filter((field) => field !== 'name').map((field) => [field, valueOf(config, field)] as const);
  return { created, ...(Object.fromEntries(values) as JsonObject) };
}

function valueOf(found: Partial<StreamConfig>, field: string): unknown {
  const value = (found as Readonly<Record<string, unknown>>)[field];
  if (Array.isArray(value) && value.length === 0) return null;
  if (value !== undefined && value !== '') {
    // The server takes 0 for "no limit" here, and may say either.
    return value === 0 && NO_LIMIT_BELOW_1.has(field) ? -1 : value;
  }
  return field in UNUSED ? UNUSED[field as keyof typeof UNUSED] : (DEFAULTS[field] ?? false);
}

const NO_LIMIT_BELOW_1: ReadonlySet<string> = new Set([
  'max_msgs',
  'max_msgs_per_subject',
  'max_msg_size',
  'max_consumers',
  'max_bytes',
]);
const DEFAULTS: Readonly<Record<string, unknown>> = {
  max_age: 0,
  max_bytes: -1,
  num_replicas: 1,
  duplicate_window: 0,
  subjects: [],
};

function same(a: unknown, b: unknown): boolean {
  if (!Array.isArray(a) || !Array.isArray(b)) return a === b;
  return new Set([...a, ...b]).size === a.length && a.length === b.length;
}
