import { expect, test } from 'vitest';
import { createPublisher } from './publisher.ts';

const QUIET = { info: () => {}, warn: () => {} };
const servers = 'nats://127.0.0.1:1';

test.for([
  [{ servers }, 'source is undefined'],
  [{ servers, source: 'a b' }, 'source is a b'],
  [{ servers, source: '//x', maxQueueEvents: 0 }, 'maxQueueEvents is 0'],
  [{ servers, source: '//x', ackTimeoutMs: Number.NaN }, 'ackTimeoutMs is NaN'],
  [{ servers, source: '//x', subjectPrefix: 'a.>' }, 'subjectPrefix is a.>'],
  [{ servers, source: '//x', inboxPrefix: '*' }, 'inboxPrefix is *'],
  [{ servers, source: '//x', producer: 'with blank' }, 'producer is with blank'],
  [{ servers, source: '//x', connection: {} as never }, 'either servers or a connection'],
  [
    { servers, source: '//x', allowTypes: ['casartifact.upload'] },
    'allowTypes: casartifact.upload is neither built in nor',
  ],
  [{ allowTypes: ['casartifact.upload'] }, 'allowTypes: casartifact.upload is neither built in nor'],
] as const)('%o is refused', ([options, message]) => {
  expect(() => createPublisher({ ...options, logger: QUIET })).toThrow(
    expect.objectContaining({ code: 'INVALID_OPTIONS', message: expect.stringContaining(message) }),
  );
});

test.for([{}, { servers: undefined }, { servers: '' }, { servers: ' , ' }, { servers: [] }, { servers: ['', ' '] }])(
  '%o: disabled, said once',
  async (options) => {
    const lines: string[] = [];
    const logger = { info: () => {}, warn: (_: object, message: string) => void lines.push(message) };
    await using publisher = createPublisher({ ...options, logger });
    for (let i = 0; i < 10; i++) publisher.emit({ type: 'casartifact.uploaded', fields: {} });
    expect(publisher.status().state).toBe('disabled');
    expect(publisher.stats()).toMatchObject({ emitted: 10, acked: 0, pending: 0, dropped: { disabled: 10 } });
    expect(publisher.enabled('casartifact.uploaded')).toBe(false);
    expect(lines.length).toBe(1);
  },
);
