/**
 * Publishing with acknowledgements over one subscription: many messages in flight, one promise each. The client's
 * `js.publish` makes a request for each message, and publishes a fifth as many messages a second.
 */
import type { Msg, MsgHdrs, NatsConnection } from '@nats-io/nats-core';
import { newInbox } from './inbox.ts';

interface PubAck {
  readonly stream: string;
  readonly seq: number;
  readonly duplicate?: boolean;
  /** Of an atomic batch: its id, and how many messages it has. `seq` is that of the last one. */
  readonly batch?: string;
  readonly count?: number;
}

/** The server refused a message. `errCode` is JetStream's error code; 0 when it gave none. */
export class RefusedError extends Error {
  override readonly name = 'RefusedError';
  readonly errCode: number;

  constructor(message: string, errCode: number) {
    super(message);
    this.errCode = errCode;
  }
}

export interface AckInbox {
  /** Rejects with RefusedError; or with another Error when no answer comes in time, and the message may be stored. */
  publish(subject: string, payload: Uint8Array, headers: MsgHdrs): Promise<PubAck>;
  /** Rejects all publishes that are in flight. */
  fail(error: Error): void;
  close(): void;
}

interface InFlight {
  readonly resolve: (ack: PubAck) => void;
  readonly reject: (error: Error) => void;
  /** By a clock that nobody can set. */
  readonly sentAt: number;
}

export function createAckInbox(nc: NatsConnection, timeoutMs: number): AckInbox {
  const inbox = newInbox(nc);
  const inFlight = new Map<string, InFlight>();
  let number = 0;
  let closed = false;

  const sub = nc.subscribe(`${inbox}.*`, {
    callback: (error, message) => {
      if (error) return fail(error);
      const token = message.subject.slice(inbox.length + 1);
      const entry = inFlight.get(token);
      if (!entry) return;
      inFlight.delete(token);
      const answer = parseAck(message);
      if (answer instanceof Error) entry.reject(answer);
      else entry.resolve(answer);
    },
  });

  function fail(error: Error): void {
    const failed = [...inFlight.values()];
    inFlight.clear();
    for (const { reject } of failed) reject(error);
  }

  // A Map keeps the order of insertion: the first is the oldest.
  const timer = setInterval(
    () => {
      const [oldest] = inFlight.values();
      if (oldest && performance.now() - oldest.sentAt > timeoutMs)
        fail(new Error(`no acknowledgement within ${timeoutMs} ms`));
    },
    Math.min(500, timeoutMs / 4),
  );

  return {
    publish(subject, payload, headers) {
      // A caller may send once more before it hears that this inbox is closed.
      if (closed) return Promise.reject(new Error('closed'));
      return new Promise((resolve, reject) => {
        const token = (++number).toString(36);
        inFlight.set(token, { resolve, reject, sentAt: performance.now() });
        try {
          nc.publish(subject, payload, { reply: `${inbox}.${token}`, headers });
        } catch (error) {
          inFlight.delete(token);
          reject(error);
        }
      });
    },
    fail,
    close() {
      closed = true;
      clearInterval(timer);
      sub.unsubscribe();
      fail(new Error('closed'));
    },
  };
}

function parseAck(message: Msg): PubAck | RefusedError {
  if (message.data.length === 0) {
    return new RefusedError(
      `status ${message.headers?.code ?? 'unknown'}: no stream takes this subject, or it has no leader`,
      0,
    );
  }
  try {
    const ack = message.json<PubAck & { error?: { err_code?: number; description?: string } }>();
    if (!ack.error) return ack;
    return new RefusedError(ack.error.description ?? 'refused', ack.error.err_code ?? 0);
  } catch {
    return new RefusedError(`unreadable acknowledgement: ${message.string().slice(0, 80)}`, 0);
  }
}
