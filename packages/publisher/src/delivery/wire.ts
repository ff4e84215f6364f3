import type { Inbox, InboxMessage, Link } from '../connection/link.ts';
import type { PendingEvent } from '../pending-event.ts';

const INBOX_REMEDY =
  'set inboxPrefix (waybill-spool: WAYBILL_NATS_INBOX_PREFIX) to what the NATS user may subscribe to';

/**
 * The present connection and our inbox on it. Each message asks for its answer at a subject of the inbox that ends in
 * its token, so an answer says which message it is for.
 */
export class Wire {
  readonly #onAnswer: (token: number, message: InboxMessage) => void;
  #link: Link | null = null;
  #inbox: Inbox | null = null;
  /** The connection on which the inbox is. */
  #inboxLink: Link | null = null;

  constructor(onAnswer: (token: number, message: InboxMessage) => void) {
    this.#onAnswer = onAnswer;
  }

  /** null: not connected. */
  get link(): Link | null {
    return this.#link;
  }

  get isListening(): boolean {
    return this.#link !== null && this.#inbox !== null;
  }

  connect(link: Link): void {
    this.#link = link;
  }

  disconnect(): void {
    this.#link = null;
  }

  /** Opens an inbox on the present connection if there is none. @returns what went wrong, or null */
  listen(to: Link): string | null {
    if (this.#inbox !== null && this.#inboxLink === to) return null;
    try {
      // An inbox on an earlier connection.
      this.#inbox?.close();
      this.#inbox = to.openInbox((message) => this.#onAnswer(this.#tokenOf(message), message));
      this.#inboxLink = to;
      return null;
    } catch (error) {
      return `subscribing to an inbox failed: ${String(error)}`;
    }
  }

  /** @returns what went wrong, or null */
  publish(token: number, { subject, text, id }: PendingEvent, to: Link): string | null {
    try {
      to.publish(subject, text, { reply: `${this.#inbox?.prefix}.${token.toString(36)}`, id });
      return null;
    } catch (error) {
      // The connection is closed or draining; its `gone` follows, or the next try fails as well.
      return `publishing failed: ${String(error)}`;
    }
  }

  /** The server does not permit a subscription. If it was our inbox, it is closed. @returns what went wrong, or null */
  inboxDenied(subject: string): string | null {
    if (this.#inbox === null || subject !== `${this.#inbox.prefix}.*`) return null;
    this.#inbox.close();
    this.#inbox = null;
    return `not permitted to subscribe to ${subject}: ${INBOX_REMEDY}`;
  }

  close(): void {
    this.#link = null;
    this.#inbox?.close();
  }

  #tokenOf({ subject }: InboxMessage): number {
    return Number.parseInt(subject.slice((this.#inbox?.prefix.length ?? 0) + 1), 36);
  }
}
