/** Creates, corrects and compares the streams. Nothing here ever deletes a message or loosens a protection. */
import {
  JetStreamApiError,
  type JetStreamManager,
  jetstreamManager,
  type StreamConfig,
  type StreamInfo,
} from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/nats-core';
import { checkOptions, type KnownOptions } from '../check-options.ts';
import { ConsumerError } from '../errors.ts';
import { SETTINGS, type Settings } from '../settings.ts';
import type { Config } from '../config/config.ts';
import { knowsBatches } from '../nats/atomic-batch.ts';
import { explain } from '../nats/nats-error.ts';
import { findStreamInfo } from '../nats/stream-info.ts';
import {
  type AccessStream,
  accessStreamConfig,
  auditStreamConfig,
  type Drift,
  findDrift,
  ledgerStreamConfig,
  missingStream,
  NO_LIMITS,
  RECOMMENDED_FOR_LEDGER,
  type StreamLimits,
  type WantedStream,
} from './stream-config.ts';

export interface DeployOptions extends Settings, Partial<StreamLimits> {
  /** Somebody else owns the stream of events: it has to exist and is not changed. Default: false. */
  readonly bind?: boolean;
}

const OPTIONS: KnownOptions<DeployOptions> = {
  ...SETTINGS,
  replicas: true,
  auditMaxAgeMs: true,
  auditMaxBytes: true,
  ledgerMaxBytes: true,
  bind: true,
};

export function deployOptions(config: Config): DeployOptions {
  const { settings, replicas, auditMaxAgeMs, auditMaxBytes, ledgerMaxBytes, streamMode } = config;
  return { ...settings, replicas, auditMaxAgeMs, auditMaxBytes, ledgerMaxBytes, bind: streamMode === 'bind' };
}

const ACCESS_OPTIONS: KnownOptions<AccessStream> = { stream: true, prefix: true, replicas: true };

export function accessStream({ access, replicas }: Config): AccessStream {
  return { stream: access.stream, prefix: access.prefix, replicas };
}

export interface DeployedStream {
  readonly stream: string;
  readonly action: 'created' | 'corrected' | 'unchanged';
  /** What was not as wanted before. */
  readonly drift: readonly Drift[];
}

/**
 * Creates the streams that are missing, and corrects those that differ. A second call changes nothing. What must not be
 * corrected is found before the first change.
 *
 * @throws ConsumerError BAD_ARGUMENT, DESTRUCTIVE_CHANGE, STREAM_DRIFT (a field that no server changes), NO_PERMISSION,
 *   NO_STREAM (`bind`)
 */
export async function deployStreams(nc: NatsConnection, options: DeployOptions): Promise<DeployedStream[]> {
  checkOptions('deployStreams', options, OPTIONS);
  const jsm = await jetstreamManager(nc, { checkAPI: false });
  if (options.bind) await checkBound(jsm, options);
  return deploy(jsm, await compare(jsm, wantedStreams(options)), recommendedFor(nc, options));
}

/** The same for the ledger alone. @throws ConsumerError as `deployStreams` */
export async function deployLedger(nc: NatsConnection, options: DeployOptions): Promise<DeployedStream[]> {
  const jsm = await jetstreamManager(nc, { checkAPI: false });
  return deploy(jsm, await compare(jsm, wantedStreams({ ...options, bind: true })), recommendedFor(nc, options));
}

/** The same for the stream of tokens. @throws ConsumerError as `deployStreams` */
export async function deployAccess(nc: NatsConnection, access: AccessStream): Promise<DeployedStream[]> {
  checkOptions('deployAccess', access, ACCESS_OPTIONS);
  const jsm = await jetstreamManager(nc, { checkAPI: false });
  return deploy(jsm, await compare(jsm, [accessStreamConfig(access)]), () => ({}));
}

/** Every field of the stream of tokens that is not as wanted. @throws ConsumerError as `checkStreams` */
export async function checkAccess(nc: NatsConnection, access: AccessStream): Promise<Drift[]> {
  const jsm = await jetstreamManager(nc, { checkAPI: false });
  return (await compare(jsm, [accessStreamConfig(access)])).flatMap(({ drift }) => drift);
}

/** What a stream gets in addition to what it must have. */
type Recommended = (stream: string) => Partial<StreamConfig>;

function recommendedFor(nc: NatsConnection, { ledgerStream }: DeployOptions): Recommended {
  return (stream) => (stream === ledgerStream && knowsBatches(nc) ? RECOMMENDED_FOR_LEDGER : {});
}

async function deploy(
  jsm: JetStreamManager,
  compared: readonly Comparison[],
  recommended: Recommended,
): Promise<DeployedStream[]> {
  for (const { info, drift } of compared) {
    if (info) for (const one of drift) checkCorrectable(one, info);
  }
  const done: DeployedStream[] = [];
  for (const { wanted, info, drift: mustChange } of compared) {
    const stream = wanted.name;
    const extra = recommended(stream);
    const drift = info ? [...mustChange, ...differences(stream, extra, info.config)] : mustChange;
    if (!info) await requestChange(`create stream ${stream}`, () => jsm.streams.add({ ...wanted, ...extra }));
    else if (drift.length > 0)
      await requestChange(`correct stream ${stream}`, () =>
        jsm.streams.update(stream, { ...info.config, ...corrections(drift) }),
      );
    done.push({ stream, action: !info ? 'created' : drift.length > 0 ? 'corrected' : 'unchanged', drift });
  }
  return done;
}

/**
 * Every field of the streams that is not as wanted; changes nothing.
 *
 * @throws ConsumerError NO_PERMISSION, NO_STREAM (`bind`)
 */
export async function checkStreams(nc: NatsConnection, options: DeployOptions): Promise<Drift[]> {
  checkOptions('checkStreams', options, OPTIONS);
  const jsm = await jetstreamManager(nc, { checkAPI: false });
  if (options.bind) await checkBound(jsm, options);
  return (await compare(jsm, wantedStreams(options))).flatMap(({ drift }) => drift);
}

interface Comparison {
  readonly wanted: WantedStream;
  /** null: the stream is missing. */
  readonly info: StreamInfo | null;
  readonly drift: Drift[];
}

/** The streams that we own. */
function wantedStreams(options: DeployOptions): WantedStream[] {
  const limits = { ...NO_LIMITS, ...options };
  const ledger = ledgerStreamConfig(options, limits);
  return options.bind ? [ledger] : [auditStreamConfig(options, limits), ledger];
}

/** @throws ConsumerError NO_STREAM */
async function checkBound(jsm: JetStreamManager, { auditStream: stream }: DeployOptions): Promise<void> {
  if (await findStreamInfo(jsm, stream)) return;
  throw new ConsumerError('NO_STREAM', `could not bind to stream ${stream}: there is no such stream`);
}

async function compare(jsm: JetStreamManager, streams: readonly WantedStream[]): Promise<Comparison[]> {
  const compared: Comparison[] = [];
  for (const wanted of streams) {
    const info = await findStreamInfo(jsm, wanted.name);
    compared.push({ wanted, info, drift: info ? findDrift(wanted, info.config) : [missingStream(wanted)] });
  }
  return compared;
}

/** Fields that no server changes on an existing stream (`configUpdateCheck` in nats-server's stream.go). */
const FIXED_FIELDS: ReadonlySet<string> = new Set([
  'retention',
  'storage',
  'sealed',
  'mirror',
  'max_consumers',
  'persist_mode',
  'allow_msg_ttl',
  'allow_msg_counter',
  'allow_msg_schedules',
]);

/** @throws ConsumerError STREAM_DRIFT when a field cannot be corrected, DESTRUCTIVE_CHANGE when that would do harm */
function checkCorrectable(drift: Drift, { config, state }: StreamInfo): void {
  const { stream, field, wanted, found } = drift;
  const what = `stream ${stream}: ${field} is ${JSON.stringify(found)}, wanted ${JSON.stringify(wanted)}`;
  if (FIXED_FIELDS.has(field)) {
    throw new ConsumerError('STREAM_DRIFT', `${what}: it cannot be changed on an existing stream`);
  }
  const harm = harmOf(drift, config, state);
  if (harm) throw new ConsumerError('DESTRUCTIVE_CHANGE', `${what}: refused, because ${harm}`);
}

function harmOf({ field, wanted, found }: Drift, config: StreamConfig, state: StreamInfo['state']): string | null {
  switch (field) {
    case 'subjects': {
      const lost = (found as string[]).filter((subject) => !(wanted as string[]).includes(subject));
      return lost.length > 0 ? `the stream would no longer take ${lost.join(', ')}` : null;
    }
    case 'max_bytes':
      return (wanted as number) >= 0 && (wanted as number) < state.bytes ? `${state.bytes} bytes are stored` : null;
    case 'max_age': {
      const oldest = state.messages === 0 ? Infinity : Date.parse(state.first_ts);
      const limit = Date.now() - (wanted as number) / 1e6;
      return wanted !== 0 && oldest < limit ? `messages since ${state.first_ts} are stored, and would be erased` : null;
    }
    case 'num_replicas':
      return (wanted as number) < config.num_replicas ? 'copies would be given up' : null;
    case 'sources':
    case 'subject_transform':
      return 'somebody set it on purpose: what it brings in would no longer come';
    default:
      return null;
  }
}

function differences(stream: string, wantedFields: Partial<StreamConfig>, found: StreamConfig): Drift[] {
  return Object.entries(wantedFields)
    .map(([field, wanted]) => ({ stream, field, wanted, found: found[field as keyof StreamConfig] ?? false }))
    .filter(({ wanted, found: actual }) => wanted !== actual);
}

function corrections(drift: readonly Drift[]): Partial<StreamConfig> {
  return Object.fromEntries(drift.map(({ field, wanted }) => [field, wanted]));
}

async function requestChange(attempted: string, request: () => Promise<unknown>): Promise<void> {
  try {
    await request();
  } catch (cause) {
    if (!(cause instanceof JetStreamApiError)) throw explain(cause, attempted);
    throw new ConsumerError(
      'STREAM_DRIFT',
      `could not ${attempted}: ${cause.message} (JetStream error ${cause.code})`,
      { cause },
    );
  }
}
