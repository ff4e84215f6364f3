/**
 * The main file of the thread that answers beside a writer. It has a connection and an event loop of its own, so that
 * no question keeps the writer from chaining.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { ConsumerError } from '../errors.ts';
import { whenAborted } from '../pause.ts';
import { startAccess } from '../access/start-access.ts';
import type { Config } from '../config/config.ts';
import { watchConnection } from './connection-watch.ts';
import { startReaderService } from './reader-service.ts';
import type { FromThread, ToThread } from './run-reader-thread.ts';
import { connectPatiently } from './start-up.ts';
import { createThreadLogger } from './thread-logger.ts';

/** The writer's own connection decides when an identity that is refused ends the service. */
const NEVER_MS = Infinity;

const send = (message: FromThread): void => parentPort?.postMessage(message);

async function run(config: Config): Promise<void> {
  const logger = createThreadLogger(send);
  const stop = new AbortController();
  let metrics = (): Promise<string> => Promise.resolve('');
  parentPort?.on('message', (message: ToThread) => {
    if (message.kind === 'stop') stop.abort();
    else
      metrics().then(
        (text) => send({ kind: 'metrics', id: message.id, text }),
        (error: unknown) => logger.warn({ err: error }, 'no metrics'),
      );
  });
  const nc = await connectPatiently(config, logger, stop.signal);
  if (!nc) return;
  try {
    watchConnection(nc, { settings: config.settings, logger, refusedMs: NEVER_MS });
    await using access = await startAccess({ config, open: config.api?.open === true, nc, logger });
    await using service = await startReaderService({ nc, config, logger, access, role: 'all' });
    metrics = service.metrics.text;
    await whenAborted(stop.signal);
  } finally {
    await nc.close();
  }
}

try {
  await run(workerData as Config);
} catch (error) {
  const { code, message } = error instanceof ConsumerError ? error : { code: null, message: String(error) };
  send({ kind: 'failed', code, message });
}
// It listens to messages, which would keep it.
parentPort?.close();
