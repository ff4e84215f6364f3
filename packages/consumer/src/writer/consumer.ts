/**
 * The `writer/` room: everything that changes the ledger. Messages of AUDIT come in, blocks of LEDGER go out. Nothing here
 * answers a question about the ledger, and nothing that verifies imports from here.
 *
 *     ordered-reader → fold (pure) → open-blocks → committer → ledger-writer (compare-and-swap per chain)
 *
 * This file starts the writer and keeps it running. A *session* is one uninterrupted time as the writer (session.ts). Whatever
 * goes wrong ends the session, and the next one starts from the ledger as it then is: there is no other state to mend. A
 * consumer that finds another one writing stands by (standby.ts) until takeover.ts says that it should write.
 */
import { jetstreamManager } from '@nats-io/jetstream';
import { nuid } from '@nats-io/nats-core';
import { createDataCheck } from '@waybill/schema';
import { setTimeout as delay } from 'node:timers/promises';
import { checkOptions } from '../check-options.ts';
import { checkPeriod } from '../check-period.ts';
import { ConsumerError } from '../errors.ts';
import { nodeSha256 } from '../sha256.ts';
import { explain, isIdentityRefused } from '../nats/nats-error.ts';
import { whoMay } from '../streams/shipped-users.ts';
import { type ConsumerOptions, DEFAULTS, OPTIONS } from './consumer-options.ts';
import { StreamChangedError } from './enter-epoch.ts';
import { createFold } from './fold.ts';
import { isConflict } from './ledger-writer.ts';
import { isMissingRight } from './missing-right.ts';
import type { Progress } from './progress.ts';
import { runSession } from './session.ts';
import { standBy } from './standby.ts';
import { FAST, PLAIN } from './writer-paths.ts';

/** `waiting`: the stream of events is not there or may not be read, or the server takes no block; `lastError` says which. */
export type Role = 'starting' | 'writer' | 'standby' | 'waiting' | 'closed';

export interface ConsumerStatus extends Readonly<Progress> {
  readonly role: Role;
  /** Sessions that ended because another writer was first, since the start. */
  readonly conflicts: number;
  /** Sessions that ended for any other reason, since the start. */
  readonly failures: number;
  /** Why the last session ended, if one did. */
  readonly lastError: string | null;
}

export interface Consumer extends AsyncDisposable {
  status(): ConsumerStatus;
  /** Finishes the commit in flight. */
  close(): Promise<void>;
  /** Resolves after `close()`; rejects with a ConsumerError when going on is impossible or would do harm. */
  readonly done: Promise<void>;
}

/** Errors that no new session can mend. */
const FATAL: ReadonlySet<string> = new Set(['LEDGER_DAMAGED', 'NEWER_LEDGER', 'STREAM_RESET']);
/** Errors that somebody else has to mend, and then this goes on by itself. */
const WAITING: ReadonlySet<string> = new Set(['NO_STREAM', 'NO_PERMISSION', 'STREAM_DRIFT', 'PAYLOAD_LIMIT']);

/** Looking again whether it is mended: so many times `restartMs`. */
const WAIT_FACTOR = 2;

/**
 * Starts chaining at once. The streams must exist (`deployStreams`); the stream of events is waited for.
 *
 * @throws ConsumerError BAD_ARGUMENT, or when JetStream does not answer
 */
export async function startConsumer(options: ConsumerOptions): Promise<Consumer> {
  checkOptions('startConsumer', options, OPTIONS);
  const { nc, logger } = options;
  for (const name of ['ackTimeoutMs', 'takeoverMs', 'restartMs'] as const) {
    checkPeriod(`startConsumer: ${name}`, options[name] ?? DEFAULTS[name]);
  }
  const jsm = await jetstreamManager(nc, { checkAPI: false });
  const stop = new AbortController();
  const writer = nuid.next();
  const fold = createFold({
    stream: options.auditStream,
    subjectPrefix: options.auditPrefix,
    sha256: nodeSha256,
    checkData: createDataCheck(options.events),
  });
  const state = { role: 'starting' as Role, conflicts: 0, failures: 0, lastError: null as string | null };
  const progress: Progress = {
    watermark: 0,
    lag: 0,
    commits: 0,
    blocks: 0,
    entries: 0,
    rejected: 0,
    duplicates: 0,
    beyondWindow: 0,
    gaps: 0,
    chains: 0,
    latestReceived: null,
    lastCommitMs: null,
    epoch: 0,
  };
  const restartMs = options.restartMs ?? DEFAULTS.restartMs;
  /** What was last said about a reason to wait, and after how many commits. */
  let told = '';
  let connected = true;
  /** The last session failed, and none has finished a commit since. */
  let hasFailed = false;
  /** Ends the session that is running, if one is. */
  let breakOff: ((error: Error) => void) | null = null;

  async function run(): Promise<void> {
    while (!stop.signal.aborted) {
      try {
        await runSession({
          ...DEFAULTS,
          ...options,
          jsm,
          paths: options.fastPaths ? FAST : PLAIN,
          fold,
          writer,
          progress,
          stop: stop.signal,
          onOpening(fail) {
            breakOff = fail;
          },
          onStart(end) {
            breakOff = end;
          },
          onReading() {
            // A full ledger, say, is found out by the first block only: until then one that failed is no writer.
            if (!hasFailed || progress.lag === 0) state.role = 'writer';
          },
          onCommit(ms) {
            hasFailed = false;
            state.role = 'writer';
            options.onCommit?.(ms);
          },
        });
      } catch (error) {
        if (nc.isClosed() && !stop.signal.aborted)
          throw new ConsumerError('CANNOT_CONNECT', 'the NATS connection was closed for good', { cause: error });
        if (error instanceof ConsumerError && FATAL.has(error.code)) throw error;
        if (stop.signal.aborted) return;
        const reason = waitingFor(error);
        state.lastError = (reason ?? (error as Error)).message;
        if (isConflict(error)) {
          state.conflicts++;
          await standBy({
            jsm,
            settings: options,
            logger,
            writer,
            takeoverMs: options.takeoverMs ?? DEFAULTS.takeoverMs,
            progress,
            stop: stop.signal,
            onOther(other) {
              if (state.role !== 'standby') logger.info({ other }, 'another consumer writes: standing by');
              state.role = 'standby';
            },
            isFatal: ({ code }) => FATAL.has(code),
          });
        } else if (error instanceof StreamChangedError) {
          logger.warn({ reason: error.message }, 'looking at the stream of events anew');
        } else if (reason) {
          await wait(reason);
        } else {
          state.failures++;
          hasFailed = true;
          state.role = 'starting';
          logger.warn({ err: error }, 'session ended, starting again from the ledger');
          await pause(restartMs);
          // A question asked while there is no connection is lost, and its time-out would be waited for.
          while (!connected && !stop.signal.aborted && !nc.isClosed()) await pause(50);
        }
      }
    }
  }

  /** Reading names what it attempted itself. */
  function named(error: Error): Error {
    const { subject } = error as Error & { subject: string };
    return subject.startsWith(`${options.ledgerPrefix}.`)
      ? explain(error, `append to stream ${options.ledgerStream}`)
      : error;
  }

  function waitingFor(error: unknown): ConsumerError | null {
    const reason = explain(error, `chain the events of stream ${options.auditStream}`);
    return WAITING.has(reason.code) && (reason === error || reason.code === 'NO_PERMISSION') ? reason : null;
  }

  /** Says it once, not every time. */
  async function wait(reason: ConsumerError): Promise<void> {
    state.role = 'waiting';
    const what = `${progress.commits} ${reason.message}`;
    // Foreseen: its stack says nothing.
    if (what !== told)
      logger.error({ code: reason.code, stream: options.auditStream }, `${reason.message}: waiting${whoMay(reason)}`);
    told = what;
    await pause(WAIT_FACTOR * restartMs);
  }

  /** What was on its way when the socket broke may or may not have arrived: only the ledger knows. */
  async function watchConnection(): Promise<void> {
    for await (const status of nc.status()) {
      const { type } = status;
      if (type === 'reconnect') connected = true;
      if (type === 'disconnect' || type === 'close') {
        connected = false;
        breakOff?.(new Error('disconnected from NATS'));
      }
      // Before the disconnection that follows.
      if (type === 'error' && isIdentityRefused(status.error))
        breakOff?.(new Error(`NATS refuses this identity: ${status.error.message}`));
      // A message that may not be published is not answered: without this, it would be missed after a time-out only.
      if (type === 'error' && isMissingRight(status.error, options)) breakOff?.(named(status.error));
    }
  }

  async function pause(ms: number): Promise<void> {
    await delay(ms, undefined, { signal: stop.signal }).catch(() => undefined);
  }

  watchConnection().catch((error: unknown) => logger.error({ err: error }, 'the connection is no longer watched'));
  const done = run().finally(() => {
    state.role = 'closed';
  });
  // Whoever does not look at `done` still gets a log line, not an unhandled rejection.
  done.catch((error: unknown) => logger.error({ err: error }, 'the consumer stopped'));

  async function close(): Promise<void> {
    stop.abort();
    await done.catch(() => undefined);
  }

  return {
    status: () => ({ ...state, ...progress }),
    close,
    done,
    [Symbol.asyncDispose]: close,
  };
}
