import type { Ack } from './ack.ts';
import type { EventInput } from './event-input.ts';
import type { WaitOptions } from './handle.ts';

/** Whatever takes events: a publisher is one. Code that emits needs to know no more than this. */
export interface Sink extends AsyncDisposable {
  /** Fire and forget: never throws, never waits, whatever it is given. */
  emit(event: EventInput): void;
  /** Emits and waits until the event is stored. @throws PublisherError */
  confirm(event: EventInput, options?: WaitOptions): Promise<Ack>;
  /** Whether events of this type would be taken, for callers who want to skip preparing them. */
  enabled(type: string): boolean;
  /** Waits until everything emitted before the call is settled. false: not within the time. */
  flush(options?: WaitOptions): Promise<boolean>;
  /** Takes nothing more, settles what is pending, lets go of what it holds. Idempotent. */
  close(options?: WaitOptions): Promise<unknown>;
}
