/** Events to emit, and a service that emits them at a rate. */
import {
  artifactUploaded,
  createPublisher,
  type EventDraft,
  type Publisher,
  type PublisherOptions,
} from '@waybill/publisher';
import { memoryLogger } from './logger.ts';

export const SOURCE = '//cas.example/artifact-cas';

export function upload(number: number, orgid = `org-${number % 7}`): EventDraft {
  const digest = `sha256:${number.toString(16).padStart(64, '0')}`;
  return artifactUploaded({ orgid, actortype: 'SERVICE', actorid: 'ci', digest, size_bytes: number, skipped: false });
}

/** Emits about `perSecond` events each second until it is stopped. */
export function emitSteadily(publisher: Publisher, perSecond: number): { stop(): number } {
  let emitted = 0;
  const start = performance.now();
  const timer = setInterval(() => {
    const due = ((performance.now() - start) * perSecond) / 1000;
    while (emitted < due) publisher.emit(upload(emitted++));
  }, 5);
  return {
    stop() {
      clearInterval(timer);
      return emitted;
    },
  };
}

/** A publisher with a spool. */
export function spooling(
  server: { url: string },
  spoolDir: string,
  options: Partial<PublisherOptions> = {},
): Publisher {
  return createPublisher({ source: SOURCE, servers: server.url, logger: memoryLogger(), spoolDir, ...options });
}
