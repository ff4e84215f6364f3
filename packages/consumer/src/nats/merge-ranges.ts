import type { StreamItem } from './ordered-reader.ts';

/** The items of several readings of one stream, by sequence. The readings have no item in common. */
export async function* mergeInOrder(
  sources: readonly AsyncGenerator<readonly StreamItem[]>[],
): AsyncGenerator<StreamItem> {
  const open = sources.map((source) => ({ source, items: [] as readonly StreamItem[], next: 0 }));
  try {
    for (;;) {
      let least: { seq: number; at: (typeof open)[number] } | null = null;
      for (const at of open) {
        while (at.next >= at.items.length) {
          const { done, value } = await at.source.next();
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
    for (const { source } of open) await source.return(undefined);
  }
}
