import { type Alarm, createAlarm } from '../alarm.ts';

interface AckDeadlineOptions {
  readonly timeoutMs: number;
  /** Whether anything is in flight. */
  isWaiting(): boolean;
  missed(): void;
}

/** Notices that the oldest event in flight gets no acknowledgement. One that got lost is the oldest soon. */
export class AckDeadline {
  readonly #timeoutMs: number;
  readonly #alarm: Alarm;
  /** When the oldest event became the oldest, or was sent. */
  #since = 0;

  constructor({ timeoutMs, isWaiting, missed }: AckDeadlineOptions) {
    this.#timeoutMs = timeoutMs;
    this.#alarm = createAlarm(() => {
      if (!isWaiting()) return;
      const left = this.#since + timeoutMs - performance.now();
      if (left > 1) this.#alarm.set(left);
      else missed();
    });
  }

  /** The time counts from now. */
  restart(): void {
    this.#since = performance.now();
  }

  /** Something is in flight. */
  start(): void {
    this.#alarm.set(this.#timeoutMs);
  }

  stop(): void {
    this.#alarm.stop();
  }
}
