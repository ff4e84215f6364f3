/** Creating the streams, correcting them, and comparing them. Nothing here ever erases an event or loosens a protection. */
import {
  JetStreamApiCodes,
  JetStreamApiError,
  type JetStreamManager,
  jetstreamManager,
  type StreamConfig,
  type StreamInfo,
} from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/nats-core';
import type { KnownOptions } from '@waybill/schema';
import { checkOptions } from '../check-options.ts';
import { ConsumerError } from '../errors.ts';
import { SETTINGS, type Settings } from '../settings.ts';
import { knowsBatches } from '../nats/atomic-batch.ts';
import { explain } from '../nats/nats-error.ts';
import {
  auditStream,
  type Drift,
  findDrift,
  LEDGER_ADVICE,
  ledgerStream,
  missing,
  NO_LIMITS,
  type StreamLimits,
  type WantedStream,
} from './stream-config.ts';

export interface DeployOptions extends Settings, Partial<StreamLimits> {
  /** The stream of events is somebody else's and is not touched; it has to exist. Default: false. */
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

export interface DeployedStream {
  readonly stream: string;
  readonly action: 'created' | 'corrected' | 'unchanged';
  /** What was not as wanted before. */
  readonly drift: readonly Drift[];
}

/**
 * Creates the streams that are missing and corrects those that differ. Doing it twice is doing it once. All refusals
 * come before the first change.
 *
 * @throws ConsumerError BAD_ARGUMENT, DESTRUCTIVE_CHANGE, STREAM_DRIFT (a field that no server changes), NO_PERMISSION, NO_STREAM (`bind`)
 */
export async function deployStreams(nc: NatsConnection, options: DeployOptions): Promise<DeployedStream[]> {
  checkOptions('deployStreams', options, OPTIONS);
  const jsm = await jetstreamManager(nc, { checkAPI: false });
  if (options.bind) await checkBound(jsm, options);
  return deploy(jsm, await compare(jsm, wantedStreams(options)), adviceFor(nc, options));
}

/** The same for the ledger alone. @throws ConsumerError as `deployStreams` */
export async function deployLedger(nc: NatsConnection, options: DeployOptions): Promise<DeployedStream[]> {
  const jsm = await jetstreamManager(nc, { checkAPI: false });
  return deploy(jsm, await compare(jsm, wantedStreams({ ...options, bind: true })), adviceFor(nc, options));
}

/** What a stream is given besides what it must have. */
type Advice = (stream: string) => Partial<StreamConfig>;

function adviceFor(nc: NatsConnection, { ledgerStream: ledger }: DeployOptions): Advice {
  return (stream) => (stream === ledger && knowsBatches(nc) ? LEDGER_ADVICE : {});
}

async function deploy(
  jsm: JetStreamManager,
  compared: readonly Comparison[],
  advice: Advice,
): Promise<DeployedStream[]> {
  for (const { info, drift } of compared) {
    if (info) for (const one of drift) refuseHarm(one, info);
  }
  const done: DeployedStream[] = [];
  for (const { wanted, info, drift: mustChange } of compared) {
    const stream = wanted.name;
    const advised = advice(stream);
    const drift = info ? [...mustChange, ...differences(stream, advised, info.config)] : mustChange;
    if (!info) await change(`create stream ${stream}`, () => jsm.streams.add({ ...wanted, ...advised }));
    else if (drift.length > 0)
      await change(`correct stream ${stream}`, () =>
        jsm.streams.update(stream, { ...info.config, ...corrections(drift) }),
      );
    done.push({ stream, action: !info ? 'created' : drift.length > 0 ? 'corrected' : 'unchanged', drift });
  }
  return done;
}

/** Every field of the streams that is not as wanted; changes nothing. @throws ConsumerError NO_PERMISSION, NO_STREAM (`bind`) */
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

/** Those that are ours. */
function wantedStreams(options: DeployOptions): WantedStream[] {
  const limits = { ...NO_LIMITS, ...options };
  const ledger = ledgerStream(options, limits);
  return options.bind ? [ledger] : [auditStream(options, limits), ledger];
}

/** @throws ConsumerError NO_STREAM */
async function checkBound(jsm: JetStreamManager, { auditStream: stream }: DeployOptions): Promise<void> {
  if (await streamInfo(jsm, stream)) return;
  throw new ConsumerError('NO_STREAM', `could not bind to stream ${stream}: there is no such stream`);
}

async function compare(jsm: JetStreamManager, streams: readonly WantedStream[]): Promise<Comparison[]> {
  const compared: Comparison[] = [];
  for (const wanted of streams) {
    const info = await streamInfo(jsm, wanted.name);
    compared.push({ wanted, info, drift: info ? findDrift(wanted, info.config) : [missing(wanted)] });
  }
  return compared;
}

async function streamInfo(jsm: JetStreamManager, name: string): Promise<StreamInfo | null> {
  try {
    return await jsm.streams.info(name);
  } catch (cause) {
    if (cause instanceof JetStreamApiError && cause.code === JetStreamApiCodes.StreamNotFound) return null;
    throw explain(cause, `look at stream ${name}`);
  }
}

/** What no server lets anybody change in place (`configUpdateCheck` in nats-server's stream.go). */
const FIXED: ReadonlySet<string> = new Set([
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

/** @throws ConsumerError for a field whose correction is impossible or would cost data */
function refuseHarm(drift: Drift, { config, state }: StreamInfo): void {
  const { stream, field, wanted, found } = drift;
  const what = `stream ${stream}: ${field} is ${JSON.stringify(found)}, wanted ${JSON.stringify(wanted)}`;
  if (FIXED.has(field)) {
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

function differences(stream: string, advised: Partial<StreamConfig>, found: StreamConfig): Drift[] {
  return Object.entries(advised)
    .map(([field, wanted]) => ({ stream, field, wanted, found: found[field as keyof StreamConfig] ?? false }))
    .filter(({ wanted, found: actual }) => wanted !== actual);
}

function corrections(drift: readonly Drift[]): Partial<StreamConfig> {
  return Object.fromEntries(drift.map(({ field, wanted }) => [field, wanted]));
}

async function change(attempted: string, request: () => Promise<unknown>): Promise<void> {
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
