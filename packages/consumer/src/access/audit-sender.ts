/**
 * Sends events about reads and tokens, and keeps in memory what is not stored yet. What is in memory when the process is
 * killed is lost.
 */
import { jetstream, type JetStreamClient } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/nats-core';
import { inParallel } from '../in-parallel.ts';
import type { ConsumerLogger } from '../logger.ts';
import { explain } from '../nats/nats-error.ts';
import type { AuditMessage } from './audit-event.ts';

export interface AuditSender {
  add(messages: readonly AuditMessage[]): void;
  /** Sends what is waiting, each message once. @returns how many are still waiting. Never rejects */
  send(): Promise<number>;
  /** Those on their way included. */
  readonly waiting: number;
  /** Messages that had to go because too many were waiting. */
  readonly dropped: number;
}

const MAX_WAITING = 10_000;
const WIDTH = 16;
const ACK_TIMEOUT_MS = 5_000;

export function createAuditSender(nc: NatsConnection, logger: ConsumerLogger): AuditSender {
  const js = jetstream(nc);
  let waiting: AuditMessage[] = [];
  let sending: Promise<number> | null = null;
  let inHand = 0;
  let dropped = 0;
  let isFailing = false;

  function add(messages: readonly AuditMessage[]): void {
    waiting = [...waiting, ...messages];
    if (waiting.length <= MAX_WAITING) return;
    if (dropped === 0) logger.error({ waiting: MAX_WAITING }, 'too many events about reads are waiting: the oldest go');
    dropped += waiting.length - MAX_WAITING;
    waiting = waiting.slice(-MAX_WAITING);
  }

  /** Why the message is not stored; null: it is. */
  async function sendOne(message: AuditMessage): Promise<Error | null> {
    try {
      await publish(js, message);
      return null;
    } catch (error) {
      return explain(error, 'store an event about a read');
    }
  }

  async function sendAll(): Promise<number> {
    const batch = waiting;
    waiting = [];
    inHand = batch.length;
    const failures = await inParallel(batch, WIDTH, sendOne);
    const failed = batch.filter((_, i) => failures[i] !== null);
    // Before what came meanwhile, which is newer.
    const newer = waiting;
    waiting = [];
    inHand = 0;
    add([...failed, ...newer]);
    report(failures.find((failure) => failure !== null) ?? null);
    return waiting.length;
  }

  /** Once when it begins to fail, and once when it works again. */
  function report(failure: Error | null): void {
    if (failure === null && isFailing) logger.info({}, 'events about reads are stored again');
    if (failure !== null && !isFailing) {
      logger.warn(
        { reason: failure.message, waiting: waiting.length },
        'events about reads cannot be stored: trying again',
      );
    }
    isFailing = failure !== null;
  }

  return {
    add,
    async send() {
      sending ??= sendAll().finally(() => {
        sending = null;
      });
      return sending;
    },
    get waiting() {
      return waiting.length + inHand;
    },
    get dropped() {
      return dropped;
    },
  };
}

/** @throws ConsumerError when one of them is not stored: NO_PERMISSION, NO_ANSWER … */
export async function publishAuditMessages(nc: NatsConnection, messages: readonly AuditMessage[]): Promise<void> {
  const js = jetstream(nc);
  try {
    await inParallel(messages, WIDTH, (message) => publish(js, message));
  } catch (cause) {
    throw explain(cause, 'store it');
  }
}

async function publish(js: JetStreamClient, { subject, id, text }: AuditMessage): Promise<void> {
  await js.publish(subject, text, { msgID: id, timeout: ACK_TIMEOUT_MS, retries: 0 });
}
