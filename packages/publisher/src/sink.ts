import type { Ack } from './ack.ts';
import type { EventInput } from './event-input.ts';
import type { WaitOptions } from './handle.ts';

/** Anything that takes events, such as a publisher. Code that emits needs no more than this. */
export interface Sink extends AsyncDisposable {
  /** Fire and forget: never throws and never waits, whatever it is given. */
  emit(event: EventInput): void;
  /** Emits and waits until the event is stored. @throws PublisherError */
  confirm(event: EventInput, options?: WaitOptions): Promise<Ack>;
  /** Whether events of this type are taken. If not, a caller need not prepare them. */
  enabled(type: string): boolean;
  /** Waits until every event emitted before the call is settled. false: not within the time. */
  flush(options?: WaitOptions): Promise<boolean>;
  /** Stops taking events, settles the pending ones and releases its resources. Idempotent. */
  close(options?: WaitOptions): Promise<unknown>;
}
