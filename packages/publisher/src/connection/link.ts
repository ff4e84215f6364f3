/**
 * What the publisher needs of a NATS connection, for `@nats-io/nats-core` 3.x and `nats` 2.x alike. Everything in which
 * the two differ, or that depends on their internals, is in this file.
 */
import { Buffer } from 'node:buffer';
import { randomBytes } from 'node:crypto';
import type { ConnectionLike } from '../connection-like.ts';

/** What both clients pass to a subscription's callback. */
export interface InboxMessage {
  readonly subject: string;
  readonly data: Uint8Array;
  readonly headers?: { readonly code: number } | undefined;
}

export interface Denial {
  readonly operation: 'publish' | 'subscription';
  readonly subject: string;
}

export interface LinkEvents {
  /** Connected, for the first time or again. Nothing that was sent before is on its way any more. */
  up(): void;
  /** Disconnected. The client dials again by itself. A message that is published now would be lost. */
  down(): void;
  /** Closed for good. */
  gone(): void;
  denied(denial: Denial): void;
}

export interface Link {
  /** The largest payload in bytes, beside our headers. Unlimited while the server has not told its limit. */
  readonly maxPayload: number;
  /** @throws whatever the client throws, e.g. because it is closed */
  publish(subject: string, text: string, options: { readonly reply: string; readonly id: string }): void;
  /** Subscribes to a new inbox. */
  openInbox(onMessage: (message: InboxMessage) => void): Inbox;
  /** Stops listening to the connection; does not close it. */
  release(): void;
}

export interface Inbox {
  /** Reply subjects are this, a dot and one token. */
  readonly prefix: string;
  close(): void;
}

/** Both clients take any object with `encode()` as headers. Their own objects cost four times as much to make. */
interface HeaderBlock {
  encode(): Uint8Array;
}

/**
 * Says that the payload is the whole event. Without it, the NATS binding of CloudEvents reads the payload as data.
 * https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/nats-protocol-binding.md
 */
const CONTENT_TYPE = 'Content-Type: application/cloudevents+json';

/** The headers of an event, as they go over the wire. */
function headerText(id: string): string {
  return `NATS/1.0\r\nNats-Msg-Id: ${id}\r\n${CONTENT_TYPE}\r\n\r\n`;
}

/** An event's id is a UUID. */
const HEADER_BYTES = headerText('x'.repeat(36)).length;

export function watchConnection(connection: ConnectionLike, events: LinkEvents, inboxPrefix?: string): Link {
  let released = false;
  const statuses = connection.status();

  const watch = async (): Promise<void> => {
    for await (const status of statuses) {
      if (released) return;
      if (status.type === 'disconnect') events.down();
      else if (status.type === 'reconnect') events.up();
      else if (status.type === 'error') {
        const denial = readDenial(status);
        if (denial) events.denied(denial);
      }
    }
  };
  const gone = (): void => {
    if (released) return;
    released = true;
    events.gone();
  };
  watch().catch(gone);
  connection.closed().then(gone, gone);

  return {
    get maxPayload() {
      return (connection.info?.max_payload ?? Number.MAX_SAFE_INTEGER) - HEADER_BYTES;
    },
    publish(subject, text, { reply, id }) {
      const headers: HeaderBlock = { encode: () => Buffer.from(headerText(id), 'latin1') };
      connection.publish(subject, Buffer.from(text), { reply, headers: headers as never });
    },
    openInbox(onMessage) {
      const prefix = `${inboxPrefix ?? inboxPrefixOf(connection)}.${randomBytes(12).toString('hex')}`;
      const subscription = connection.subscribe(`${prefix}.*`, {
        // An error ends the subscription. It arrives as a status too, and is handled there.
        callback: (error: Error | null, message: InboxMessage) => {
          if (error === null) onMessage(message);
        },
      });
      return {
        prefix,
        close() {
          if (!connection.isClosed()) subscription.unsubscribe();
        },
      };
    },
    release() {
      released = true;
      // `return()` does not end a generator that is waiting. The iterators of both clients have `stop()`.
      (statuses as { stop?: () => void }).stop?.();
    },
  };
}

/** The prefix that the client was given for its inboxes, to which its user may subscribe. */
function inboxPrefixOf(connection: ConnectionLike): string {
  const { options } = connection as { options?: { inboxPrefix?: unknown } };
  return typeof options?.inboxPrefix === 'string' && options.inboxPrefix !== '' ? options.inboxPrefix : '_INBOX';
}

/** In 3.x the denial is in `error`, in 2.x in `permissionContext`. */
function readDenial(status: object): Denial | null {
  const { error, permissionContext } = status as Record<'error' | 'permissionContext', unknown>;
  const { operation, subject } = (permissionContext ?? error ?? {}) as Record<string, unknown>;
  if ((operation !== 'publish' && operation !== 'subscription') || typeof subject !== 'string') return null;
  return { operation, subject };
}

/**
 * Lets the process end although the client's ping timer is set. A client that has its timer elsewhere keeps the process
 * alive until the time of `handleSignals` is over.
 */
export function unrefTimers(connection: ConnectionLike): void {
  const { protocol } = connection as { protocol?: { heartbeats?: { timer?: { unref?: () => void } } } };
  protocol?.heartbeats?.timer?.unref?.();
}
