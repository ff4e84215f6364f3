/** The bytes of a stream, for a reader that may be slow. */
import type { StreamItem } from '../api/reader.ts';
import { ConsumerError } from '../errors.ts';

export interface BodyStream {
  readonly items: AsyncIterable<readonly StreamItem[]>;
  /** The text of an item, with its line feeds. */
  readonly textOf: (item: StreamItem) => string;
  /** Goes out first. */
  readonly opening?: string;
  /** Goes out when nothing has for `heartbeatMs`. */
  readonly heartbeat?: string;
  /** Aborted when nothing more may be sent, with the reason. */
  readonly invalid?: AbortSignal;
  /** Called when nobody reads any more. */
  readonly onCancel: () => void;
  /** The items have ended too early. @returns whether it has closed the connection; else the response fails */
  readonly breakOff: (error: unknown) => boolean;
  readonly limits?: Partial<BodyLimits>;
}

export interface BodyLimits {
  readonly heartbeatMs: number;
  /** The most bytes that are kept for a reader. */
  readonly maxUnsent: number;
  /** A reader that leaves so many bytes unread for this long is gone. */
  readonly stalledMs: number;
}

const BODY_LIMITS: BodyLimits = { heartbeatMs: 15_000, maxUnsent: 1024 * 1024, stalledMs: 5_000 };

/**
 * At most `maxUnsent` bytes and one batch of items are in memory. A reader that does not take them is closed. The
 * response breaks off when the items do: what has arrived is then not taken for the whole.
 */
export function bodyStream({ items, ...options }: BodyStream): ReadableStream<Uint8Array> {
  const { textOf, opening = '', heartbeat, invalid, onCancel, breakOff } = options;
  const limits = { ...BODY_LIMITS, ...options.limits };
  const encoder = new TextEncoder();
  let isOver = false;
  let wake = (): void => undefined;

  async function pump(controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> {
    const send = (text: string): void => {
      if (!isOver && text !== '') controller.enqueue(encoder.encode(text));
    };
    send(opening);
    const timer =
      heartbeat === undefined
        ? undefined
        : setInterval(() => {
            // While something is unsent, the connection is not idle.
            if (controller.desiredSize === limits.maxUnsent) send(heartbeat);
          }, limits.heartbeatMs);
    try {
      for await (const batch of items) {
        for (const item of batch) {
          await taken(controller, limits.maxUnsent);
          if (isOver) return;
          send(textOf(item));
        }
      }
      await taken(controller, 1);
      if (isOver) return;
      isOver = true;
      controller.close();
    } finally {
      clearInterval(timer);
    }
  }

  /** Waits until fewer bytes are unsent. @throws ConsumerError TIMED_OUT when nothing at all is taken any more */
  async function taken(controller: ReadableStreamDefaultController, bytes: number): Promise<void> {
    while (!isOver && limits.maxUnsent - (controller.desiredSize ?? limits.maxUnsent) >= bytes) await someTaken();
  }

  async function someTaken(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    wake = () => resolve(true);
    const timer = setTimeout(() => resolve(false), limits.stalledMs);
    const isTaken = await promise;
    clearTimeout(timer);
    if (isTaken) return;
    const what = `${limits.maxUnsent} bytes were unsent for ${limits.stalledMs} ms: the reader is too slow`;
    throw new ConsumerError('TIMED_OUT', what);
  }

  return new ReadableStream<Uint8Array>(
    {
      start(controller) {
        const fail = (error: unknown): void => {
          if (isOver) return;
          isOver = true;
          wake();
          onCancel();
          if (breakOff(error)) controller.close();
          else controller.error(error);
        };
        invalid?.addEventListener('abort', () => fail(invalid.reason), { once: true });
        pump(controller).catch(fail);
      },
      pull: () => wake(),
      cancel() {
        isOver = true;
        wake();
        onCancel();
      },
    },
    { highWaterMark: limits.maxUnsent, size: ({ byteLength }) => byteLength },
  );
}
