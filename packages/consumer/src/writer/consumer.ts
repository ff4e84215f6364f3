/**
 * The `writer/` room: everything that changes the ledger. Messages of AUDIT come in, blocks of LEDGER go out. Nothing
 * here answers a question about the ledger, and nothing that verifies imports from here.
 *
 *     audit-source → routing → fold (pure) → open-blocks → committer → ledger-writer (compare-and-swap per chain)
 *
 * This file starts the writer and keeps it running. A *session* is one uninterrupted time as the writer (session.ts).
 * Whatever goes wrong ends the session, and the next one starts from the ledger as it then is: there is no other state
 * to mend. A consumer that finds another one writing stands by (standby.ts) until takeover.ts says that it should
 * write.
 */
import { jetstreamManager } from '@nats-io/jetstream';
import { nuid } from '@nats-io/nats-core';
import { createDataCheck } from '@waybill/schema/internal';
import { checkOptions } from '../check-options.ts';
import { checkPeriod } from '../check-period.ts';
import { type ConsumerOptions, DEFAULTS, OPTIONS } from './consumer-options.ts';
import type { ConsumerStatus, WriterState } from './consumer-status.ts';
import { noProgress } from './progress.ts';
import { createRouter } from './routing.ts';
import { runSessions } from './session-loop.ts';
import { FAST_PATHS, PLAIN_PATHS } from './writer-paths.ts';

export type { ConsumerStatus, Role } from './consumer-status.ts';

export interface Consumer extends AsyncDisposable {
  status(): ConsumerStatus;
  /** Finishes the commit in flight. */
  close(): Promise<void>;
  /** Resolves after `close()`. Rejects with a ConsumerError when going on is impossible or would do harm. */
  readonly done: Promise<void>;
}

/**
 * Starts chaining at once. LEDGER must exist (`deployStreams`). AUDIT is waited for.
 *
 * @throws ConsumerError BAD_ARGUMENT, or when JetStream does not answer
 */
export async function startConsumer(options: ConsumerOptions): Promise<Consumer> {
  checkOptions('startConsumer', options, OPTIONS);
  const all = { ...DEFAULTS, ...withoutUndefined(options) };
  const { nc, logger, auditPrefix: subjectPrefix, controlPrefix } = all;
  for (const name of ['ackTimeoutMs', 'takeoverMs', 'restartMs'] as const) {
    checkPeriod(`startConsumer: ${name}`, all[name]);
  }
  const jsm = await jetstreamManager(nc, { checkAPI: false });
  const stop = new AbortController();
  const state: WriterState = { role: 'starting', conflicts: 0, failures: 0, lastError: null };
  const progress = noProgress();
  const done = runSessions(
    {
      ...all,
      jsm,
      paths: all.fastPaths ? FAST_PATHS : PLAIN_PATHS,
      route: createRouter({ subjectPrefix, controlPrefix, checkData: createDataCheck(all.events) }),
      writer: nuid.next(),
      progress,
      stop: stop.signal,
    },
    state,
  ).finally(() => {
    state.role = 'closed';
  });
  // Whoever does not look at `done` gets a log line, not an unhandled rejection.
  done.catch((error: unknown) => logger.error({ err: error }, 'the consumer stopped'));

  async function close(): Promise<void> {
    stop.abort();
    await done.catch(() => undefined);
  }

  return { status: () => ({ ...state, ...progress }), close, done, [Symbol.asyncDispose]: close };
}

/** A caller without strict types may give undefined or null, which mean the default. */
function withoutUndefined(options: ConsumerOptions): ConsumerOptions {
  return Object.fromEntries(
    Object.entries(options).filter(([, value]) => value !== undefined && value !== null),
  ) as object as ConsumerOptions;
}
