import { type JetStreamManager, RetentionPolicy, type StreamInfo } from '@nats-io/jetstream';
import { ConsumerError } from '../errors.ts';
import { newConsumerName } from '../nats/consumer-name.ts';
import { explain } from '../nats/nats-error.ts';

/**
 * Whether reading a stream of somebody else leaves it unchanged. Checks now every permission that reading needs later.
 *
 * @throws ConsumerError STREAM_DRIFT, NO_PERMISSION with the subject
 */
export async function checkBoundStream(jsm: JetStreamManager, { config }: StreamInfo): Promise<void> {
  if (config.retention !== RetentionPolicy.Limits) {
    throw new ConsumerError(
      'STREAM_DRIFT',
      `stream ${config.name} has the retention ${config.retention}: what is read there is removed, so it is not read; expected limits`,
    );
  }
  const attempted = `read stream ${config.name}`;
  await jsm.streams.getMessage(config.name, { seq: 1 }).catch((cause: unknown) => {
    throw explain(cause, attempted);
  });
  // No consumer has this name. Without the permission, each consumer of ours would stay for half a minute.
  await jsm.consumers.delete(config.name, newConsumerName()).catch((cause: unknown) => {
    const error = explain(cause, attempted);
    if (error.code === 'NO_PERMISSION') throw error;
  });
}
