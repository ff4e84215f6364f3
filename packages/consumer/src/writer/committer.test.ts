import { expect, test } from 'vitest';
import { createCommitter } from './committer.ts';
import type { Ledger } from './ledger-writer.ts';
import type { SealedBlock } from './open-blocks.ts';

const NONE = { entries: 0, rejected: 0, duplicates: 0, beyondWindow: 0, gaps: 0 };
const block = (orgid: string): SealedBlock => ({
  orgid,
  base: null,
  entries: 1,
  bytes: 1,
  payload: () => Buffer.alloc(1),
  stored: () => undefined,
});

/** A committer of a ledger that stores when it is told to. */
function prepare() {
  const underWay: { what: string; end: PromiseWithResolvers<void> }[] = [];
  const store = (what: string): Promise<void> => {
    const end = Promise.withResolvers<void>();
    underWay.push({ what, end });
    return end.promise;
  };
  const ledger = {
    watermark: 0,
    store: (blocks: readonly SealedBlock[]) => store(`store ${blocks.map(({ orgid }) => orgid).join()}`),
    commit: (_: readonly SealedBlock[], watermark: number) => store(`claim ${watermark}`),
  } as unknown as Ledger;
  const done: string[] = [];
  const committer = createCommitter(ledger, {
    onCommitted: ({ blocks, entries }) => void done.push(`${blocks} blocks, ${entries} entries`),
    onFailed: (error) => void done.push(error.message),
  });
  return { committer, done, seen: () => underWay.map(({ what }) => what), end: (i: number) => underWay[i]?.end };
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

test('three commits are under way at a time, and the next starts when one of them ends', async () => {
  const { committer, done, seen, end } = prepare();
  for (const orgid of ['a', 'b', 'c']) await committer.store([block(orgid)], NONE);
  const fourth = committer.store([block('d')], NONE);
  await settled();
  expect(seen()).toEqual(['store a', 'store b', 'store c']);
  end(1)?.resolve();
  await fourth;
  expect(seen()).toHaveLength(4);
  expect(done).toEqual(['1 blocks, 1 entries']);
});

test('a claim waits for everything before it, and everything after waits for the claim', async () => {
  const { committer, seen, end } = prepare();
  await committer.store([block('a')], NONE);
  const claim = committer.claim([block('b'), block('_system')], NONE, 7);
  await settled();
  expect([seen(), committer.claimed]).toEqual([['store a'], 0]);
  end(0)?.resolve();
  await claim;
  const next = committer.store([block('_system')], NONE);
  await settled();
  expect([seen(), committer.claimed]).toEqual([['store a', 'claim 7'], 7]);
  end(1)?.resolve();
  await next;
  expect(seen()).toEqual(['store a', 'claim 7', 'store _system']);
});

test('a failure is told at once, and to whoever comes next', async () => {
  const { committer, done, end } = prepare();
  await committer.store([block('a')], NONE);
  await committer.store([block('b')], NONE);
  end(1)?.reject(new Error('refused'));
  await settled();
  expect(done).toEqual(['refused']);
  await expect(committer.store([block('c')], NONE)).rejects.toThrow('refused');
  await expect(committer.progress()).rejects.toThrow('refused');
  end(0)?.resolve();
  await expect(committer.drain()).rejects.toThrow('refused');
  await expect(committer.claim([block('d')], NONE, 9)).rejects.toThrow('refused');
});
