/**
 * One session after another, and what happens between them. How a session ended decides what comes next:
 *
 * - another writer was first: stand by, and write again when standby.ts returns
 * - the stream of events is another one: look again, at once
 * - somebody else has to mend something: wait, and look again
 * - no session can mend it: end
 * - anything else: pause, and start again from the ledger
 */
import { ConsumerError } from '../errors.ts';
import { pause } from '../pause.ts';
import { explain } from '../nats/nats-error.ts';
import { whoMay } from '../streams/shipped-users.ts';
import type { WriterState } from './consumer-status.ts';
import { StreamChangedError } from './enter-epoch.ts';
import { isConflict } from './ledger-writer.ts';
import { watchConnection } from './session-breaks.ts';
import { runSession, type SessionOptions } from './session.ts';
import { standBy } from './standby.ts';

/** Errors that no new session can mend. */
const FATAL: ReadonlySet<string> = new Set(['LEDGER_DAMAGED', 'NEWER_LEDGER', 'STREAM_RESET']);
/** Errors that somebody else has to mend. Then chaining goes on by itself. */
const WAITING: ReadonlySet<string> = new Set(['NO_STREAM', 'NO_PERMISSION', 'STREAM_DRIFT', 'PAYLOAD_LIMIT']);

/** How many times `restartMs` to wait before looking again whether it is mended. */
const WAIT_FACTOR = 2;
/** How often to look whether there is a connection again. */
const RECONNECT_LOOK_MS = 50;

export interface SessionLoopOptions extends Omit<SessionOptions, 'onOpening' | 'onStart' | 'onReading'> {
  readonly takeoverMs: number;
}

/**
 * Runs sessions until `stop`.
 *
 * @param state changes with each session
 * @throws ConsumerError when going on is impossible or would do harm
 */
export async function runSessions(options: SessionLoopOptions, state: WriterState): Promise<void> {
  const { nc, progress, stop } = options;
  /** Ends the session that is running, if one is. */
  let breakOff: ((error: Error) => void) | null = null;
  /** The last session failed, and none has finished a commit since. */
  let hasFailed = false;
  const connection = watchConnection({
    nc,
    settings: options,
    logger: options.logger,
    onBreak: (reason) => breakOff?.(reason),
  });
  const sayOnce = createWaitingLog(options);

  const session: SessionOptions = {
    ...options,
    onOpening(fail) {
      breakOff = fail;
    },
    onStart(end) {
      breakOff = end;
    },
    onReading() {
      // Some failures, such as a full ledger, show with the first block only: until then, one that failed is no writer.
      if (!hasFailed || progress.lag === 0) state.role = 'writer';
    },
    onCommit(ms) {
      hasFailed = false;
      state.role = 'writer';
      options.onCommit?.(ms);
    },
  };

  while (!stop.aborted) {
    const end = await endOf(session);
    if (stop.aborted && end.kind !== 'fatal') return;
    if (end.kind === 'fatal') throw end.error;
    if (end.kind === 'stopped') continue;
    state.lastError = end.error.message;
    if (end.kind === 'conflict') {
      state.conflicts++;
      await standByAs(options, state);
    } else if (end.kind === 'stream changed') {
      options.logger.warn({ reason: end.error.message }, 'looking at the stream of events anew');
    } else if (end.kind === 'waiting') {
      state.role = 'waiting';
      sayOnce(end.error);
      await pause(WAIT_FACTOR * options.restartMs, stop);
    } else {
      state.failures++;
      hasFailed = true;
      state.role = 'starting';
      options.logger.warn({ err: end.error }, 'session ended, starting again from the ledger');
      await pause(options.restartMs, stop);
      // A question that is asked without a connection is lost, and its time-out would be waited for.
      while (!connection.isConnected && !stop.aborted && !nc.isClosed()) await pause(RECONNECT_LOOK_MS, stop);
    }
  }
}

type SessionEnding =
  | { readonly kind: 'stopped' }
  | { readonly kind: 'conflict' | 'stream changed' | 'failed'; readonly error: Error }
  | { readonly kind: 'fatal' | 'waiting'; readonly error: ConsumerError };

/** Runs a session, and says how it ended. */
async function endOf(session: SessionOptions): Promise<SessionEnding> {
  const { nc, stop, auditStream } = session;
  try {
    await runSession(session);
    return { kind: 'stopped' };
  } catch (cause) {
    const error = cause as Error;
    if (nc.isClosed() && !stop.aborted) {
      const closed = new ConsumerError('CANNOT_CONNECT', 'the NATS connection was closed for good', { cause });
      return { kind: 'fatal', error: closed };
    }
    if (error instanceof ConsumerError && FATAL.has(error.code)) return { kind: 'fatal', error };
    if (isConflict(error)) return { kind: 'conflict', error };
    if (error instanceof StreamChangedError) return { kind: 'stream changed', error };
    const reason = explain(error, `chain the events of stream ${auditStream}`);
    const isKnown = reason === error || reason.code === 'NO_PERMISSION';
    if (isKnown && WAITING.has(reason.code)) return { kind: 'waiting', error: reason };
    return { kind: 'failed', error };
  }
}

async function standByAs(options: SessionLoopOptions, state: WriterState): Promise<void> {
  const { jsm, logger, writer, takeoverMs, progress, stop } = options;
  await standBy({
    jsm,
    settings: options,
    logger,
    writer,
    takeoverMs,
    progress,
    stop,
    onOther(other) {
      if (state.role !== 'standby') logger.info({ other }, 'another consumer writes: standing by');
      state.role = 'standby';
    },
    isFatal: ({ code }) => FATAL.has(code),
  });
}

/** Logs why the consumer waits: once, not each time that it looks, and again after it has chained something. */
function createWaitingLog({ logger, progress, auditStream }: SessionLoopOptions): (reason: ConsumerError) => void {
  let said = '';
  return (reason) => {
    const now = `${progress.commits} ${reason.message}`;
    // Foreseen: its stack says nothing.
    if (now !== said)
      logger.error({ code: reason.code, stream: auditStream }, `${reason.message}: waiting${whoMay(reason)}`);
    said = now;
  };
}
