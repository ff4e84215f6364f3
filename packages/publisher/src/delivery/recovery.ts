import { type Alarm, createAlarm } from '../alarm.ts';
import { type Backoff, type BackoffBounds, createBackoff } from '../backoff.ts';
import { AckDeadline } from './ack-deadline.ts';
import type { SendWindow } from './window.ts';

export interface RecoveryOptions {
  readonly window: SendWindow;
  readonly ackTimeoutMs: number;
  readonly backoff: BackoffBounds;
  wake(): void;
}

/** What a failure leads to: the window goes back, and nothing is sent for a while. */
export class Recovery {
  readonly #window: SendWindow;
  readonly #wake: () => void;
  readonly #backoff: Backoff;
  readonly #pause: Alarm;
  readonly #deadline: AckDeadline;
  #failure: string | null = null;

  constructor({ window, ackTimeoutMs, backoff, wake }: RecoveryOptions) {
    this.#window = window;
    this.#wake = wake;
    this.#backoff = createBackoff(backoff);
    this.#pause = createAlarm(wake);
    this.#deadline = new AckDeadline({
      timeoutMs: ackTimeoutMs,
      isWaiting: () => window.inFlight > 0,
      missed: () => this.fail(`no acknowledgement within ${ackTimeoutMs} ms`),
    });
  }

  get isPaused(): boolean {
    return this.#pause.isSet;
  }

  /** What failed last; null once an acknowledgement came after it. */
  get failure(): string | null {
    return this.#failure;
  }

  /** All of the window is sent again, after a pause. @returns false, for a caller that stops then */
  fail(detail: string, pauseMs = this.#backoff.next()): false {
    this.#failure = detail;
    // At once and not after the pause: the log is to say what is wrong.
    this.#wake();
    this.goBack();
    this.#pause.reset(pauseMs);
    return false;
  }

  /** Nothing that was sent counts any more. */
  goBack(): void {
    this.#window.goBack();
    this.#deadline.stop();
  }

  endPause(): void {
    this.#pause.stop();
  }

  /** An event is about to be sent. */
  sending(): void {
    if (this.#window.inFlight === 0) this.#deadline.restart();
  }

  /** An event was sent. */
  sent(): void {
    this.#deadline.start();
  }

  /**
   * An event left the window.
   *
   * @param wasOldest only then the time starts again: when the oldest one's answer got lost, others may still be
   *   answered
   */
  left(wasOldest: boolean): void {
    if (wasOldest) this.#deadline.restart();
    if (this.#window.isEmpty) this.#deadline.stop();
  }

  /** An event was stored. */
  succeeded(): void {
    this.#window.grow();
    if (this.#failure === null) return;
    this.#failure = null;
    this.#backoff.reset();
  }

  close(): void {
    this.#pause.stop();
    this.#deadline.stop();
  }
}
