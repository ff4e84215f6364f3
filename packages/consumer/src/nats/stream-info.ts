import type { JetStreamManager, StreamInfo } from '@nats-io/jetstream';
import { ConsumerError } from '../errors.ts';
import { explain } from './nats-error.ts';

/**
 * A stream's configuration and state, as its leader has it.
 *
 * @throws ConsumerError NO_STREAM, NO_PERMISSION, NO_ANSWER …
 */
export async function readStreamInfo(jsm: JetStreamManager, stream: string): Promise<StreamInfo> {
  try {
    return await jsm.streams.info(stream);
  } catch (cause) {
    throw explain(cause, `look at stream ${stream}`);
  }
}

/** The same; null when there is no such stream. @throws ConsumerError NO_PERMISSION, NO_ANSWER … */
export async function findStreamInfo(jsm: JetStreamManager, stream: string): Promise<StreamInfo | null> {
  try {
    return await readStreamInfo(jsm, stream);
  } catch (error) {
    if (error instanceof ConsumerError && error.code === 'NO_STREAM') return null;
    throw error;
  }
}
