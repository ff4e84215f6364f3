/**
 * A first-in-first-out queue in a circular array, which doubles when it is full. Each operation takes constant time.
 */
export interface Ring<Item> {
  readonly length: number;
  push(item: Item): void;
  peek(): Item | undefined;
  shift(): Item | undefined;
}

/** A larger array is released when the ring is empty again. */
const KEPT_CAPACITY = 8192;

export function createRing<Item>(): Ring<Item> {
  let slots = emptySlots<Item>(64);
  let head = 0;
  let length = 0;

  const grow = (): void => {
    const { length: capacity } = slots;
    slots = [...slots.slice(head), ...slots.slice(0, head)];
    // The new slots are read as undefined. Filling them would take longer than everything else here.
    slots.length = capacity * 2;
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
        slots = emptySlots(KEPT_CAPACITY);
        head = 0;
      }
      return item;
    },
  };
}

/** Takes out every item. */
export function* drain<Item>(ring: Ring<Item>): IterableIterator<Item> {
  for (let item = ring.shift(); item !== undefined; item = ring.shift()) yield item;
}

function emptySlots<Item>(capacity: number): (Item | undefined)[] {
  const slots: (Item | undefined)[] = [];
  slots.length = capacity;
  return slots;
}
