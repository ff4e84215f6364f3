import { printableJson } from '@waybill/schema/internal';
import pino from 'pino';
import { readConfig } from '../config/config.ts';
import { serve } from '../service/serve.ts';
import type { Command } from './command.ts';

export const serveCommand: Command = {
  name: 'serve',
  summary: 'Run the service: chain every event, answer questions, until stopped',
  help: `Usage: waybill serve

Creates or checks the streams (WAYBILL_STREAM_MODE), then writes every event into its organization's chain, until
SIGTERM or SIGINT: the commit in flight is finished, and the exit code is 0. Several may run at once: one writes, the
others stand by. With WAYBILL_API_PORT it also answers over HTTP (docs/reference/api.md). WAYBILL_ROLE=writer only
chains; WAYBILL_ROLE=reader only answers, and needs no right to write. Logs are JSON lines on the standard output.
docs/reference/configuration.md lists the WAYBILL_* variables.

  --json       accepted and without effect: the log is JSON lines anyway
  -h, --help   this text

Exit codes: 0 when it was stopped; 64 and above as listed in docs/reference/cli.md.`,
  options: { json: { type: 'boolean' } },
  async run({ env }) {
    const config = readConfig(env);
    const options = {
      level: config.logLevel,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      hooks: { streamWrite: printableJson },
    };
    const logger = pino(options, logDestination());
    const stop = new AbortController();
    const onSignal = (signal: NodeJS.Signals): void => {
      // The second signal means: do not wait. Nothing is lost, because recovery is the ordinary start.
      if (stop.signal.aborted) process.exit(128 + (signal === 'SIGINT' ? 2 : 15));
      stop.abort();
    };
    process.on('SIGTERM', onSignal).on('SIGINT', onSignal);
    try {
      await serve({ config, logger, stop: stop.signal });
      return 0;
    } finally {
      process.off('SIGTERM', onSignal).off('SIGINT', onSignal);
    }
  },
};

/** How much of the log is kept while the disk is full. More is dropped. */
const MAX_LOG_BYTES = 1024 * 1024;

/** A log that cannot be written does not end the service: chaining matters more. */
function logDestination(): pino.DestinationStream {
  const destination = pino.destination({ dest: process.stdout.fd, sync: true, maxLength: MAX_LOG_BYTES });
  destination.on('error', () => undefined);
  return destination;
}
