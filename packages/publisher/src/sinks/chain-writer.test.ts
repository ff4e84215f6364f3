import { expect, test } from 'vitest';
import { createReporter } from '../reporter.ts';
import { createChainWriter, type QueuedEvent } from './chain-writer.ts';
import { readFileSinkOptions } from './file-sink-options.ts';
import { createWriteTrouble } from './write-trouble.ts';

const LOGGER = { info: () => {}, warn: () => {} };

function queued(n: number): QueuedEvent {
  return {
    event: { id: `${n}` },
    text: '{}',
    subject: 'audit.run.started.acme',
    origin: {},
    settle: null,
    isEnd: false,
  };
}

test('events that are given up are handed over at once: with many callers of flush, one by one takes seconds', async () => {
  const stop = new AbortController();
  const given: (readonly QueuedEvent[])[] = [];
  const reporter = createReporter(LOGGER, undefined);
  const writer = createChainWriter({
    orgid: 'acme',
    settings: readFileSinkOptions({ source: '//x', directory: '/somewhere', logger: LOGGER }),
    // Another process has the directory.
    held: { take: () => false, check: () => false, renew: () => false, synced: async () => {}, release: () => {} },
    trouble: createWriteTrouble(reporter),
    reporter,
    stop: stop.signal,
    written: () => {},
    dropped: (events) => void given.push(events),
  });
  const events = [1, 2, 3].map(queued);
  for (const event of events) writer.push(event);
  stop.abort();
  await writer.running;
  writer.giveUp('closed', 'not written when close() ended');
  expect(given).toEqual([events]);
  expect(writer.progress()).toEqual({ queued: 3, settled: 3 });
});
