/**
 * The few things that the publisher needs of a NATS connection, for `@nats-io/nats-core` 3.x and `nats` 2.x alike.
 * All that differs between the two, or leans on how they work inside, is in this file.
 */
import { Buffer } from 'node:buffer';
import { randomBytes } from 'node:crypto';
import type { ConnectionLike } from '../connection-like.ts';

/** What both clients hand to a subscription's callback. */
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
  /** Connected, now or again: nothing that was sent before is on its way any more. */
  up(): void;
  /** Disconnected; the client is dialling again by itself. What is published now would be lost. */
  down(): void;
  /** Closed for good. */
  gone(): void;
  denied(denial: Denial): void;
}

export interface Link {
  /** Headers and payload together; unknown while the server has not said it. */
  readonly maxPayload: number;
  /** @throws whatever the client throws, e.g. when it was closed a moment ago */
  publish(subject: string, text: string, options: { readonly reply: string; readonly id: string }): void;
  /** A new inbox and its subscription. */
  openInbox(onMessage: (message: InboxMessage) => void): Inbox;
  /** Stops listening to the connection; does not close it. */
  release(): void;
}

export interface Inbox {
  /** Reply subjects are this, a dot and one token. */
  readonly prefix: string;
  close(): void;
}

/** Both clients take a header block as whatever has `encode()`, and theirs costs four times as much to make. */
interface HeaderBlock {
  encode(): Uint8Array;
}

/**
 * Says that the payload is the event as a whole: without it, the NATS binding of CloudEvents reads the payload as data.
 * https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/nats-protocol-binding.md
 */
const CONTENT_TYPE = 'Content-Type: application/cloudevents+json';

/** @returns the headers of an event, as they go over the wire */
function headerText(id: string): string {
  return `NATS/1.0\r\nNats-Msg-Id: ${id}\r\n${CONTENT_TYPE}\r\n\r\n`;
}

/** Of an event of ours, whose id is a UUID. */
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
        // An error ends the subscription; it also arrives as a status, which is where it is handled.
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
      // `return()` of a generator that is waiting does not end it; both clients' iterators have `stop()`.
      (statuses as { stop?: () => void }).stop?.();
    },
  };
}

/** The prefix that a client was given for its inboxes: what its user may subscribe to. */
function inboxPrefixOf(connection: ConnectionLike): string {
  const { options } = connection as { options?: { inboxPrefix?: unknown } };
  return typeof options?.inboxPrefix === 'string' && options.inboxPrefix !== '' ? options.inboxPrefix : '_INBOX';
}

/** 3.x has the denial in `error`, 2.x in `permissionContext`. */
function readDenial(status: object): Denial | null {
  const { error, permissionContext } = status as Record<'error' | 'permissionContext', unknown>;
  const { operation, subject } = (permissionContext ?? error ?? {}) as Record<string, unknown>;
  if ((operation !== 'publish' && operation !== 'subscription') || typeof subject !== 'string') return null;
  return { operation, subject };
}

/** A client's next ping does not keep the process. Where a client has it elsewhere, it does, until `handleSignals`' time is over. */
export function unrefTimers(connection: ConnectionLike): void {
  const { protocol } = connection as { protocol?: { heartbeats?: { timer?: { unref?: () => void } } } };
  protocol?.heartbeats?.timer?.unref?.();
}
