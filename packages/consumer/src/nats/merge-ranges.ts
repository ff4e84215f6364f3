import type { StreamItem } from './stream-item.ts';

/** Merges ranges of one stream by sequence. The ranges have no item in common. */
export async function* mergeInOrder(
  ranges: readonly AsyncGenerator<readonly StreamItem[]>[],
): AsyncGenerator<StreamItem> {
  const open = ranges.map((range) => ({ range, items: [] as readonly StreamItem[], next: 0 }));
  try {
    for (;;) {
      let least: { seq: number; at: (typeof open)[number] } | null = null;
      for (const at of open) {
        while (at.next >= at.items.length) {
          const { done, value } = await at.range.next();
          if (done === true) break;
          at.items = value;
          at.next = 0;
        }
        const item = at.items[at.next];
        if (!item) continue;
        const seq = item.kind === 'gap' ? item.first : item.seq;
        if (!least || seq < least.seq) least = { seq, at };
      }
      if (!least) return;
      yield least.at.items[least.at.next++] as StreamItem;
    }
  } finally {
    for (const { range } of open) await range.return(undefined);
  }
}
