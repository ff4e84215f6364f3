/** A first-in-first-out queue in a circular array that doubles when it is full: O(1), no garbage, no holes. */
export interface Ring<Item> {
  readonly length: number;
  push(item: Item): void;
  peek(): Item | undefined;
  shift(): Item | undefined;
}

/** A burst's array is given back to the collector once the ring is empty again. */
const KEPT_CAPACITY = 1024;

export function createRing<Item>(): Ring<Item> {
  let slots: (Item | undefined)[] = Array.from({ length: 64 });
  let head = 0;
  let length = 0;

  const grow = (): void => {
    const larger: (Item | undefined)[] = Array.from({ length: slots.length * 2 });
    for (let i = 0; i < length; i++) larger[i] = slots[(head + i) & (slots.length - 1)];
    slots = larger;
    head = 0;
  };

  return {
    get length() {
      return length;
    },
    push(item) {
      if (length === slots.length) grow();
      slots[(head + length) & (slots.length - 1)] = item;
      length++;
    },
    peek: () => (length === 0 ? undefined : slots[head]),
    shift() {
      if (length === 0) return undefined;
      const item = slots[head];
      slots[head] = undefined;
      head = (head + 1) & (slots.length - 1);
      length--;
      if (length === 0 && slots.length > KEPT_CAPACITY) {
        slots = Array.from({ length: KEPT_CAPACITY });
        head = 0;
      }
      return item;
    },
  };
}
