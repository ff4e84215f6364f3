/**
 * Many small messages stored at once: JetStream's atomic batches (ADR-50). The server checks each message's condition
 * when the last one has arrived, and stores all or none. With `sync_interval: always` a batch costs a handful of syncs
 * where single messages cost one each. A batch has one acknowledgement.
 *
 * Atomicity is not what keeps the ledger safe. Each block is a compare-and-swap on its chain, alone or in a batch, so
 * any part of a batch would be as good as the same blocks sent singly.
 */
import { type NatsConnection, Nuid } from '@nats-io/nats-core';
import { type AckInbox, RefusedError } from './ack-inbox.ts';
import type { HeaderList, HeaderPrinter } from './message-headers.ts';
import { isOlder, serverVersion } from './server-version.ts';

/** A message that may be sent in a batch. */
export interface BatchMessage {
  readonly subject: string;
  readonly headers: HeaderList;
  readonly payload: Uint8Array;
}

/** The server's own limit. */
const MAX_BATCH_MESSAGES = 1_000;
/** The client copies what it packs for the socket, and the server holds a batch until it is complete. */
const MAX_BATCH_BYTES = 2 * 1024 * 1024;

/**
 * Servers from here on sync a batch once. Servers from 2.12 on know batches and sync each message. Older servers ignore
 * the headers and store each message as if it were alone.
 */
const BATCHING_SERVER = '2.15.0';

/** "Atomic publish is disabled", and "batch is too large" by an operator's limit: nothing of the batch is stored. */
const UNAVAILABLE = new Set([10_174, 10_199]);

/** Whether the server knows batches and gains by them. */
export function knowsBatches(nc: NatsConnection): boolean {
  return !isOlder(serverVersion(nc), BATCHING_SERVER);
}

export function areBatchesUnavailable(error: unknown): boolean {
  return error instanceof RefusedError && UNAVAILABLE.has(error.errCode);
}

interface Sized {
  readonly bytes: number;
}

/** Whether there are at least `least` messages, and they are so small that a batch takes that many. */
export function fillBatches(messages: readonly Sized[], least: number): boolean {
  const bytes = messages.reduce((sum, message) => sum + message.bytes, 0);
  return messages.length >= least && bytes <= messages.length * (MAX_BATCH_BYTES / least);
}

/** Cuts messages into batches, in their order. */
export function cutIntoBatches<Message extends Sized>(messages: readonly Message[]): Message[][] {
  const batches: Message[][] = [];
  let open: Message[] = [];
  let bytes = 0;
  for (const message of messages) {
    if (open.length === MAX_BATCH_MESSAGES || (open.length > 0 && bytes + message.bytes > MAX_BATCH_BYTES)) {
      batches.push(open);
      open = [];
      bytes = 0;
    }
    open.push(message);
    bytes += message.bytes;
  }
  if (open.length > 0) batches.push(open);
  return batches;
}

export interface BatchSender {
  /**
   * Sends messages on different subjects, and waits until they are stored. The iterable makes each message when it is
   * sent.
   *
   * @param count of `messages`
   * @returns the sequence in the stream of the first message; the others follow it
   * @throws RefusedError when nothing is stored; any other Error when they may be stored
   */
  send(messages: Iterable<BatchMessage>, count: number): Promise<number>;
}

export interface BatchSenderOptions {
  readonly nc: NatsConnection;
  readonly inbox: AckInbox;
  readonly printHeaders: HeaderPrinter;
}

export function createBatchSender({ nc, inbox, printHeaders }: BatchSenderOptions): BatchSender {
  // Short, because each message keeps it for ever. If two writers ever have the same, the server refuses both. A
  // generator of its own, because one generator's ids begin alike: the server may still hold a batch of the session
  // before.
  const tag = new Nuid().next().slice(0, 6);
  let number = 0;

  return {
    async send(messages, count) {
      const id = `${tag}${(++number).toString(36)}`;
      let sent = 0;
      let acknowledged: ReturnType<AckInbox['publish']> | null = null;
      for (const { subject, payload, headers: own } of messages) {
        sent++;
        const batched: HeaderList = [['Nats-Batch-Id', id], ['Nats-Batch-Sequence', sent], ...own];
        if (sent < count) nc.publish(subject, payload, { headers: printHeaders(batched) });
        else acknowledged = inbox.publish(subject, payload, printHeaders([...batched, ['Nats-Batch-Commit', 1]]));
      }
      const ack = await acknowledged;
      if (ack?.batch !== id || ack.count !== count)
        throw new Error(`batch ${id} of ${count} messages was acknowledged as ${ack?.batch} of ${ack?.count}`);
      return ack.seq - count + 1;
    },
  };
}
