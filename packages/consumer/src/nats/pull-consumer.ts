import { AckPolicy, DeliverPolicy, type JetStreamManager } from '@nats-io/jetstream';
import { type Msg, nanos, type NatsConnection, type Subscription } from '@nats-io/nats-core';
import { newConsumerName } from './consumer-name.ts';
import { createDeliveryInfoReader, type DeliveryInfo, type TapDeliveries } from './delivery-info.ts';
import { newInbox } from './inbox.ts';

/** How long a request for messages stands when there are none. */
const EXPIRES_MS = 2_000;
const HEARTBEAT_MS = 1_000;
/** Without any word for so long while a request stands, the consumer is taken for lost. */
const SILENCE_MS = 3_500;

export interface PullConsumerOptions {
  readonly nc: NatsConnection;
  readonly jsm: JetStreamManager;
  readonly stream: string;
  readonly startSeq: number;
  readonly batch: number;
  readonly maxBytes: number;
  readonly hasRoom: () => boolean;
  /** A fast path for deliveries. Default: they come by the subscription's callback. */
  readonly tapDeliveries?: TapDeliveries | undefined;
  /** The consumer is there. */
  readonly onCreated?: () => void;
  /** Returns false when the message does not follow the one before. */
  readonly onMessage: (subject: string, payload: Uint8Array, delivery: DeliveryInfo) => boolean;
  /** Nothing has come for a while: perhaps the rest of the stream is a gap. */
  readonly onIdle: () => Promise<void>;
  /** Awaited when the consumer is there and before anything is asked of it; a rejection gives it up. */
  readonly confirm?: () => Promise<void>;
  /** Called once; nothing else is called after it. `cause` is the error that it was, if it was one. */
  readonly onLost: (reason: string, cause?: unknown) => void;
}

export interface PullConsumer {
  /** There may be room again. */
  resume(): void;
  stop(): void;
}

/** One consumer's life: created, pulled from, watched, and given up at the first doubt. */
export function startPullConsumer(options: PullConsumerOptions): PullConsumer {
  const { nc, jsm, stream, batch, maxBytes } = options;
  const name = newConsumerName();
  const parseDelivery = createDeliveryInfoReader();
  const inbox = newInbox(nc);
  let consumerSeq = 0;
  /** A request is under way, for so many messages more. */
  let pulling = false;
  let remaining = 0;
  /** The next message is larger than a request allows: it is asked for alone, whatever its size. */
  let oneOfAnySize = false;
  let over = false;
  /** Since the watchdog looked last. */
  let heard = true;
  /** By a clock that nobody can set, as all time-outs here: one set back would not end for as long. */
  let lastHeard = performance.now();
  let sub: Subscription | null = null;
  let untap: (() => void) | null = null;

  function lose(reason: string, cause?: unknown): void {
    if (over) return;
    finish();
    options.onLost(reason, cause);
  }

  const loseTo = (error: unknown): void => lose((error as Error).message, error);

  function finish(): void {
    if (over) return;
    over = true;
    clearInterval(watchdog);
    untap?.();
    sub?.unsubscribe();
    // Not waited for: without it, the server removes an inactive consumer by itself.
    if (!nc.isClosed()) jsm.consumers.delete(stream, name).catch(() => false);
  }

  function pull(): void {
    if (over || pulling || !options.hasRoom()) return;
    pulling = true;
    remaining = oneOfAnySize ? 1 : batch;
    const limits = oneOfAnySize ? { batch: 1 } : { batch, max_bytes: maxBytes };
    const request = { ...limits, expires: nanos(EXPIRES_MS), idle_heartbeat: nanos(HEARTBEAT_MS) };
    heard = true;
    try {
      nc.publish(`$JS.API.CONSUMER.MSG.NEXT.${stream}.${name}`, JSON.stringify(request), { reply: inbox });
    } catch (error) {
      lose((error as Error).message);
    }
  }

  function onStatus(message: Msg): void {
    const code = message.headers?.code ?? 0;
    const description = message.headers?.description ?? '';
    if (code === 100) {
      const delivered = Number(message.headers?.get('Nats-Last-Consumer') ?? 0);
      if (delivered > consumerSeq) lose(`${delivered - consumerSeq} deliveries did not arrive`);
      return;
    }
    pulling = false;
    if (
      code === 408 ||
      code === 404 ||
      description.startsWith('Batch Completed') ||
      description.startsWith('Message Size')
    ) {
      // It is no more than what is left of a request, mostly. Not, when the whole request was too small for it.
      if (description.startsWith('Message Size') && remaining === batch) oneOfAnySize = true;
      if (code === 408) options.onIdle().catch(loseTo);
      pull();
      return;
    }
    lose(`status ${code} ${description}`);
  }

  function onMessage(error: Error | null, message: Msg): void {
    if (over) return;
    if (error) return loseTo(error);
    heard = true;
    const delivery = parseDelivery(message.reply);
    if (delivery) onDelivery(message.subject, message.data, delivery);
    else onStatus(message);
  }

  function onDelivery(subject: string, payload: Uint8Array, delivery: DeliveryInfo): void {
    if (over) return;
    heard = true;
    if (delivery.consumerSeq !== consumerSeq + 1) {
      return lose(`expected delivery ${consumerSeq + 1}, got ${delivery.consumerSeq}`);
    }
    consumerSeq = delivery.consumerSeq;
    oneOfAnySize = false;
    if (!options.onMessage(subject, payload, delivery)) return lose(`a jump to sequence ${delivery.streamSeq}`);
    if (--remaining > 0) return;
    pulling = false;
    pull();
  }

  async function begin(): Promise<void> {
    sub = nc.subscribe(inbox, { callback: onMessage });
    untap = options.tapDeliveries?.(nc, sub, onDelivery) ?? null;
    await jsm.consumers.add(stream, {
      name,
      ack_policy: AckPolicy.None,
      deliver_policy: DeliverPolicy.StartSequence,
      opt_start_seq: options.startSeq,
      inactive_threshold: nanos(30_000),
      mem_storage: true,
      num_replicas: 1,
    });
    await options.confirm?.();
    if (!over) options.onCreated?.();
    pull();
  }

  const watchdog = setInterval(() => {
    if (heard) lastHeard = performance.now();
    heard = false;
    if (pulling && performance.now() - lastHeard > SILENCE_MS) lose(`no heartbeat for ${SILENCE_MS} ms`);
  }, HEARTBEAT_MS);
  begin().catch(loseTo);

  return { resume: pull, stop: finish };
}
