/**
 * The requests for messages of a pull consumer (`CONSUMER.MSG.NEXT`, ADR-13): one is open at a time, and is watched.
 */
import { nanos } from '@nats-io/nats-core';
import { startSilenceWatch } from './silence-watch.ts';

export interface PullRequests {
  /** Opens a request, if none is open and there is room for what it brings. */
  open(): void;
  /** Something has come: a message, a heartbeat, a status. */
  hear(): void;
  /** A message has come. The last one of a request opens the next. */
  onDelivery(): void;
  /**
   * The server has ended the request.
   *
   * @param isTooSmall the next message is larger than what was left of the request
   */
  onEnd(isTooSmall: boolean): void;
  stop(): void;
}

export interface PullRequestsOptions {
  /** Messages and bytes of one request. */
  readonly batch: number;
  readonly maxBytes: number;
  readonly hasRoom: () => boolean;
  /** Sends the body of a request. */
  readonly send: (body: string) => void;
  /** Called when nothing has come for `SILENCE_MS` while a request is open. */
  readonly onSilence: () => void;
}

/** How long a request stays open when there are no messages. */
const EXPIRES_MS = 2_000;
const HEARTBEAT_MS = 1_000;
/** With a heartbeat each second, this long without one is not an accident. */
export const SILENCE_MS = 3_500;

export function createPullRequests(options: PullRequestsOptions): PullRequests {
  const { batch, maxBytes, hasRoom, send } = options;
  let isOpen = false;
  /** Messages that the open request still asks for. */
  let remaining = 0;
  /** The next message is larger than `maxBytes`. A request for one message without a limit of bytes gets it. */
  let isNextTooLarge = false;

  const silence = startSilenceWatch({
    silenceMs: SILENCE_MS,
    everyMs: HEARTBEAT_MS,
    onSilence() {
      if (isOpen) options.onSilence();
    },
  });

  function open(): void {
    if (isOpen || !hasRoom()) return;
    isOpen = true;
    remaining = isNextTooLarge ? 1 : batch;
    const limits = isNextTooLarge ? { batch: 1 } : { batch, max_bytes: maxBytes };
    silence.hear();
    send(JSON.stringify({ ...limits, expires: nanos(EXPIRES_MS), idle_heartbeat: nanos(HEARTBEAT_MS) }));
  }

  return {
    open,
    hear: silence.hear,
    onDelivery() {
      isNextTooLarge = false;
      if (--remaining > 0) return;
      isOpen = false;
      open();
    },
    onEnd(isTooSmall) {
      isOpen = false;
      // Mostly, only what was left of the request was too small.
      if (isTooSmall && remaining === batch) isNextTooLarge = true;
    },
    stop: silence.stop,
  };
}
