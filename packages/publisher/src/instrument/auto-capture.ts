/** Turns what libraries say on `node:diagnostics_channel` into events, without touching the libraries. */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { EventDraft, KnownOptions } from '@waybill/schema';
import { checkOptions } from '../check-options.ts';
import type { Sink } from '../sink.ts';
import { getDefaultPublisher } from './default-publisher.ts';

export interface AutoCaptureOptions {
  /** By the channel's name: makes the event of a message, or null for none. When it throws there is none. */
  readonly channels: Readonly<Record<string, (message: unknown) => EventDraft | null | undefined>>;
  /** Where the events go. Default: `getDefaultPublisher()`, as it is when a message comes. */
  readonly audit?: Pick<Sink, 'emit'> | undefined;
}

export interface AutoCapture extends Disposable {
  /** Events handed over, and messages for which making one threw. */
  stats(): { readonly captured: number; readonly failed: number };
  /** Listens no more. Idempotent. */
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
    // What is thrown here would be an uncaught exception of the process, not of whoever published the message.
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
