/** The requests for messages that a pull consumer gets (`CONSUMER.MSG.NEXT`, ADR-13): one is open at a time. */
export interface PullRequests {
  readonly isOpen: boolean;
  /** Opens a request, if none is open and there is room for what it brings. */
  open(): void;
  /** A message has come. The last one of a request opens the next. */
  onDelivery(): void;
  /** The server has ended the request. @param isTooSmall the next message is larger than what was left of the request */
  onEnd(isTooSmall: boolean): void;
}

export interface PullRequestsOptions {
  /** Messages and bytes of one request. */
  readonly batch: number;
  readonly maxBytes: number;
  readonly hasRoom: () => boolean;
  readonly send: (limits: { readonly batch: number; readonly max_bytes?: number }) => void;
}

export function createPullRequests({ batch, maxBytes, hasRoom, send }: PullRequestsOptions): PullRequests {
  let isOpen = false;
  /** Messages that the open request still asks for. */
  let remaining = 0;
  /** The next message is larger than `maxBytes`. A request for one message without a limit of bytes gets it. */
  let isNextTooLarge = false;

  function open(): void {
    if (isOpen || !hasRoom()) return;
    isOpen = true;
    remaining = isNextTooLarge ? 1 : batch;
    send(isNextTooLarge ? { batch: 1 } : { batch, max_bytes: maxBytes });
  }

  return {
    get isOpen() {
      return isOpen;
    },
    open,
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
  };
}
