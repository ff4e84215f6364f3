/** Turns messages of `node:diagnostics_channel` into events, without changes in the libraries that publish them. */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { EventDraft } from '@waybill/schema';
import type { KnownOptions } from '@waybill/schema/internal';
import { checkOptions } from '../check-options.ts';
import type { Sink } from '../sink.ts';
import { getDefaultPublisher } from './default-publisher.ts';

export interface AutoCaptureOptions {
  /**
   * By the channel's name: makes an event of a message, or returns null for none. When it throws, there is no event.
   */
  readonly channels: Readonly<Record<string, (message: unknown) => EventDraft | null | undefined>>;
  /** Where the events go. Default: `getDefaultPublisher()`, as it is when a message comes. */
  readonly audit?: Pick<Sink, 'emit'> | undefined;
}

export interface AutoCapture extends Disposable {
  /** Events that were emitted, and messages for which making an event threw. */
  stats(): { readonly captured: number; readonly failed: number };
  /** Stops listening. Idempotent. */
  stop(): void;
}

const OPTIONS: KnownOptions<AutoCaptureOptions> = { channels: true, audit: true };

/** @throws PublisherError INVALID_OPTIONS */
export function autoCapture(options: AutoCaptureOptions): AutoCapture {
  checkOptions('autoCapture', options, OPTIONS);
  const { channels, audit } = options;
  let captured = 0;
  let failed = 0;
  const listeners = Object.entries(channels).map(([name, toEvent]) => {
    // An error here would be an uncaught exception of the process, because a channel does not throw to its publisher.
    const listener = (message: unknown): void => {
      try {
        const event = toEvent(message);
        if (!event) return;
        (audit ?? getDefaultPublisher()).emit(event);
        captured++;
      } catch {
        failed++;
      }
    };
    subscribe(name, listener);
    return { name, listener };
  });

  function stop(): void {
    for (const { name, listener } of listeners.splice(0)) unsubscribe(name, listener);
  }

  return { stats: () => ({ captured, failed }), stop, [Symbol.dispose]: stop };
}
