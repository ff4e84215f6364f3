import type { PendingEvent } from '../pending-event.ts';

/** The tokens with which waiting events were sent: an answer may still come. */
export class SentTokens {
  readonly #tokens = new Map<PendingEvent, number>();
  readonly #events = new Map<number, PendingEvent>();

  of(event: PendingEvent): number | undefined {
    return this.#tokens.get(event);
  }

  eventOf(token: number): PendingEvent | undefined {
    return this.#events.get(token);
  }

  set(event: PendingEvent, token: number): void {
    this.#tokens.set(event, token);
    this.#events.set(token, event);
  }

  /** @returns the token; null: the event was never sent */
  delete(event: PendingEvent): number | null {
    const token = this.#tokens.get(event);
    if (token === undefined) return null;
    this.#tokens.delete(event);
    this.#events.delete(token);
    return token;
  }
}
