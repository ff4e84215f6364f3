import { AckPolicy, DeliverPolicy, type JetStreamManager } from '@nats-io/jetstream';
import { type Msg, type MsgCallback, nanos, type NatsConnection } from '@nats-io/nats-core';
import { newConsumerName } from './consumer-name.ts';
import { createDeliveryInfoReader, type DeliveryInfo, type OnDelivery, type TapDeliveries } from './delivery-info.ts';
import { newInbox } from './inbox.ts';
import { createPullRequests, SILENCE_MS } from './pull-requests.ts';

/** The server removes the consumer after this long without a request. */
const INACTIVE_MS = 30_000;

export interface PullConsumerOptions {
  readonly nc: NatsConnection;
  readonly jsm: JetStreamManager;
  readonly stream: string;
  readonly startSeq: number;
  /** Messages and bytes of one request. */
  readonly batch: number;
  readonly maxBytes: number;
  /** Whether the caller can take as much as one request brings. */
  readonly hasRoom: () => boolean;
  /** A fast path for deliveries. Default: they come by the subscription's callback. */
  readonly tapDeliveries?: TapDeliveries | undefined;
  /** Called when the server has created the consumer, and `confirm` has resolved. */
  readonly onCreated?: () => void;
  /** @returns false when the message does not follow the one before */
  readonly onMessage: (subject: string, payload: Uint8Array, delivery: DeliveryInfo) => boolean;
  /** Called when a request has expired without a message: perhaps the rest of the stream is a gap. */
  readonly onIdle: () => Promise<void>;
  /** Awaited when the consumer exists, before the first request. A rejection gives the consumer up. */
  readonly confirm?: () => Promise<void>;
  /**
   * Called once, when the consumer is given up; nothing else is called after it.
   *
   * @param cause the error, if it was one
   */
  readonly onLost: (reason: string, cause?: unknown) => void;
}

export interface PullConsumer {
  /** Tells that there may be room again. */
  resume(): void;
  stop(): void;
}

/** One ephemeral pull consumer without acks: created, pulled from, watched, and given up at the first doubt. */
export function startPullConsumer(options: PullConsumerOptions): PullConsumer {
  const { nc, jsm, stream } = options;
  const name = newConsumerName();
  const readDelivery = createDeliveryInfoReader();
  const inbox = newInbox(nc);
  /** The number of the last delivery. */
  let delivered = 0;
  let isOver = false;
  let unsubscribe: (() => void) | null = null;

  const requests = createPullRequests({
    batch: options.batch,
    maxBytes: options.maxBytes,
    hasRoom: () => !isOver && options.hasRoom(),
    send(body) {
      try {
        nc.publish(`$JS.API.CONSUMER.MSG.NEXT.${stream}.${name}`, body, { reply: inbox });
      } catch (error) {
        giveUp((error as Error).message);
      }
    },
    onSilence: () => giveUp(`no heartbeat for ${SILENCE_MS} ms`),
  });

  function giveUp(reason: string, cause?: unknown): void {
    if (isOver) return;
    stop();
    options.onLost(reason, cause);
  }

  const giveUpAfter = (error: unknown): void => giveUp((error as Error).message, error);

  function stop(): void {
    if (isOver) return;
    isOver = true;
    requests.stop();
    unsubscribe?.();
    // Not waited for: the server removes an inactive consumer by itself.
    if (!nc.isClosed()) jsm.consumers.delete(stream, name).catch(() => false);
  }

  function onMessage(error: Error | null, message: Msg): void {
    if (isOver) return;
    if (error) return giveUpAfter(error);
    requests.hear();
    const delivery = readDelivery(message.reply);
    if (delivery) onDelivery(message.subject, message.data, delivery);
    else onStatus(readStatus(message, delivered));
  }

  function onDelivery(subject: string, payload: Uint8Array, delivery: DeliveryInfo): void {
    if (isOver) return;
    requests.hear();
    if (delivery.consumerSeq !== delivered + 1)
      return giveUp(`expected delivery ${delivered + 1}, got ${delivery.consumerSeq}`);
    delivered = delivery.consumerSeq;
    if (!options.onMessage(subject, payload, delivery)) return giveUp(`a jump to sequence ${delivery.streamSeq}`);
    requests.onDelivery();
  }

  function onStatus(status: Status): void {
    if (status.kind === 'failed') return giveUp(status.reason);
    if (status.kind === 'open') return;
    requests.onEnd(status.kind === 'too-small');
    if (status.kind === 'expired') options.onIdle().catch(giveUpAfter);
    requests.open();
  }

  async function start(): Promise<void> {
    unsubscribe = subscribe(options, inbox, { onMessage, onDelivery });
    await createConsumer(jsm, stream, { name, startSeq: options.startSeq });
    await options.confirm?.();
    if (!isOver) options.onCreated?.();
    requests.open();
  }
  start().catch(giveUpAfter);

  return { resume: requests.open, stop };
}

function subscribe(
  { nc, tapDeliveries }: PullConsumerOptions,
  inbox: string,
  { onMessage, onDelivery }: { onMessage: MsgCallback<Msg>; onDelivery: OnDelivery },
): () => void {
  const sub = nc.subscribe(inbox, { callback: onMessage });
  const untap = tapDeliveries?.(nc, sub, onDelivery);
  return () => {
    untap?.();
    sub.unsubscribe();
  };
}

async function createConsumer(
  jsm: JetStreamManager,
  stream: string,
  { name, startSeq }: { name: string; startSeq: number },
): Promise<void> {
  await jsm.consumers.add(stream, {
    name,
    ack_policy: AckPolicy.None,
    deliver_policy: DeliverPolicy.StartSequence,
    opt_start_seq: startSeq,
    inactive_threshold: nanos(INACTIVE_MS),
    mem_storage: true,
    num_replicas: 1,
  });
}

/**
 * A message of the server about the open request:
 * - `open`: the request is still open, and all deliveries have arrived
 * - `ended`: it has ended, because it is complete or because there is no message
 * - `expired`: it has ended, because no message came in time
 * - `too-small`: it has ended, because the next message has more bytes than it asks for
 * - `failed`: anything else
 */
type Status =
  | { readonly kind: 'open' | 'ended' | 'expired' | 'too-small' }
  | { readonly kind: 'failed'; readonly reason: string };

/** @param delivered how many deliveries have arrived */
function readStatus({ headers }: Msg, delivered: number): Status {
  const code = headers?.code ?? 0;
  const description = headers?.description ?? '';
  if (code === 100) {
    const lost = Number(headers?.get('Nats-Last-Consumer') ?? 0) - delivered;
    return lost > 0 ? { kind: 'failed', reason: `${lost} deliveries did not arrive` } : { kind: 'open' };
  }
  if (description.startsWith('Message Size')) return { kind: 'too-small' };
  if (code === 408) return { kind: 'expired' };
  if (code === 404 || description.startsWith('Batch Completed')) return { kind: 'ended' };
  return { kind: 'failed', reason: `status ${code} ${description}` };
}
