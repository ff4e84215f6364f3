import type { StreamItem } from './stream-item.ts';

/** Items that have arrived and that nobody has taken yet, and the one caller that may wait for them. */
export interface ItemBuffer {
  /** What it may hold. */
  readonly maxItems: number;
  readonly maxBytes: number;
  readonly length: number;
  /** Whether the buffer is less than half full, by items and by bytes: then the other half may be asked for. */
  readonly hasRoom: boolean;
  push(item: StreamItem): void;
  /** Removes the oldest items. */
  take(maxItems: number): StreamItem[];
  /**
   * Waits until `isEnough`, which is asked at each `push` and `wake`, or until `ms` have passed. One caller at a time.
   */
  wait(isEnough: () => boolean, ms?: number): Promise<void>;
  wake(): void;
}

export function createItemBuffer({ maxItems, maxBytes }: { maxItems: number; maxBytes: number }): ItemBuffer {
  const items: StreamItem[] = [];
  let bytes = 0;
  let waiting: { readonly isEnough: () => boolean; readonly resolve: () => void } | null = null;

  function wake(): void {
    if (waiting?.isEnough()) waiting.resolve();
  }

  return {
    maxItems,
    maxBytes,
    get length() {
      return items.length;
    },
    get hasRoom() {
      return items.length < maxItems / 2 && bytes < maxBytes / 2;
    },
    push(item) {
      items.push(item);
      if (item.kind === 'message') bytes += item.payload.length;
      wake();
    },
    take(most) {
      const taken = items.splice(0, most);
      for (const item of taken) if (item.kind === 'message') bytes -= item.payload.length;
      return taken;
    },
    async wait(isEnough, ms) {
      if (isEnough()) return;
      let timer: NodeJS.Timeout | undefined;
      await new Promise<void>((resolve) => {
        waiting = { isEnough, resolve };
        if (ms !== undefined) timer = setTimeout(resolve, ms);
      });
      waiting = null;
      clearTimeout(timer);
    },
    wake,
  };
}
