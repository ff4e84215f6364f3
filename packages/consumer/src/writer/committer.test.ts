import { expect, test } from 'vitest';
import { createCommitter } from './committer.ts';
import type { SealedBlock } from './open-blocks.ts';

const block = (orgid: string): SealedBlock => ({
  orgid,
  base: null,
  entries: 1,
  bytes: 1,
  hasStreamRecord: false,
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
    store: (blocks: readonly SealedBlock[]) => store(`store ${blocks.map(({ orgid }) => orgid).join()}`),
    storeClaim: (blocks: readonly SealedBlock[]) => store(`claim ${blocks.map(({ orgid }) => orgid).join()}`),
  };
  const done: string[] = [];
  const committer = createCommitter(ledger, {
    onSubmitted: () => (commit) => void done.push(`${commit.blocks} blocks, ${commit.entries} entries`),
    onFailed: (error) => void done.push(error.message),
  });
  return { committer, done, seen: () => underWay.map(({ what }) => what), end: (i: number) => underWay[i]?.end };
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

test('three commits are under way at a time, and the next starts when one of them ends', async () => {
  const { committer, done, seen, end } = prepare();
  for (const orgid of ['a', 'b', 'c']) await committer.store([block(orgid)]);
  const fourth = committer.store([block('d')]);
  await settled();
  expect(seen()).toEqual(['store a', 'store b', 'store c']);
  end(1)?.resolve();
  await fourth;
  expect(seen()).toHaveLength(4);
  expect(done).toEqual(['1 blocks, 1 entries']);
});

test('a claim waits for everything before it, and everything after waits for the claim', async () => {
  const { committer, seen, end } = prepare();
  await committer.store([block('a')]);
  const claim = committer.storeClaim([block('b'), block('_system')]);
  await settled();
  expect(seen()).toEqual(['store a']);
  end(0)?.resolve();
  await claim;
  const next = committer.store([block('_system')]);
  await settled();
  expect(seen()).toEqual(['store a', 'claim b,_system']);
  end(1)?.resolve();
  await next;
  expect(seen()).toEqual(['store a', 'claim b,_system', 'store _system']);
});

test('a failure is told at once, and to whoever comes next', async () => {
  const { committer, done, end } = prepare();
  await committer.store([block('a')]);
  await committer.store([block('b')]);
  end(1)?.reject(new Error('refused'));
  await settled();
  expect(done).toEqual(['refused']);
  await expect(committer.store([block('c')])).rejects.toThrow('refused');
  await expect(committer.oneEnded()).rejects.toThrow('refused');
  end(0)?.resolve();
  await expect(committer.drain()).rejects.toThrow('refused');
  await expect(committer.storeClaim([block('d')])).rejects.toThrow('refused');
});
