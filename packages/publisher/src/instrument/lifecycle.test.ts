import { artifactDownloaded, type EventDraft } from '@waybill/schema';
import { type JsonObject, transferOf } from '@waybill/schema/internal';
import { afterEach, describe, expect, test } from 'vitest';
import { PublisherError } from '../error.ts';
import type { Sink } from '../sink.ts';
import { memorySink } from '../sinks/memory-sink.ts';
import { nullSink } from '../sinks/null-sink.ts';
import { setDefaultPublisher } from './default-publisher.ts';
import { audited, lifecycle, timed } from './lifecycle.ts';

interface Line {
  readonly type: string;
  readonly fields: Record<string, unknown>;
}

/** A sink that keeps what it is given; `confirm` does as told. */
function recorder(confirm: () => Promise<unknown> = () => Promise.resolve()) {
  const lines: Line[] = [];
  const audit: Sink = {
    ...nullSink(),
    emit: (event) => void lines.push(event as EventDraft as Line),
    async confirm(event) {
      await confirm();
      lines.push(event as EventDraft as Line);
      return { stream: 'X', seq: lines.length, duplicate: false };
    },
  };
  return { audit, lines, types: () => lines.map(({ type }) => type) };
}

const throwing: Sink = {
  ...nullSink(),
  emit: () => {
    throw new Error('a sink that breaks its promise');
  },
};

afterEach(() => {
  setDefaultPublisher(undefined);
});

describe('lifecycle', () => {
  test('a value at once, a promise as a promise, linked by one run id', async () => {
    const { audit, lines } = recorder();
    const options = { audit, name: 'export', orgid: 'acme', actortype: 'SERVICE', subject: 's' } as const;
    let seen = '';
    expect(lifecycle(options, (runid) => ((seen = runid), 42))).toBe(42);
    expect(await lifecycle(options, async () => 'later')).toBe('later');
    expect(lines.map(({ type }) => type)).toEqual(['run.started', 'run.finished', 'run.started', 'run.finished']);
    const runids = lines.map(({ fields }) => fields['runid']);
    expect(runids).toEqual([seen, seen, runids[2], runids[2]]);
    expect(runids[2]).not.toBe(seen);
    expect(lines[0]?.fields).toEqual({
      name: 'export',
      orgid: 'acme',
      actortype: 'SERVICE',
      subject: 's',
      runid: seen,
    });
    expect(lines[1]?.fields).toMatchObject({ outcome: 'success', duration_ms: expect.any(Number) });
  });

  test.each(['sync', 'async'])('an error is handed on as it is: %s', async (kind) => {
    const { audit, lines } = recorder();
    const error = Object.assign(new TypeError('password=hunter2'), { code: 'E_X' });
    const body = () => {
      if (kind === 'sync') throw error;
      return Promise.reject(error);
    };
    const caught: unknown = await (async () => lifecycle({ audit, name: 'x', orgid: 'acme' }, body))().catch(
      (e: unknown) => e,
    );
    expect(caught).toBe(error);
    expect(lines[1]).toMatchObject({
      type: 'run.failed',
      fields: { outcome: 'failure', error_name: 'TypeError', error_code: 'E_X' },
    });
    expect(JSON.stringify(lines)).not.toContain('hunter2');
  });

  test('the body is settled before its event, and is not changed by what happens to that', async () => {
    const order: string[] = [];
    const audit = { ...throwing, emit: (): void => void order.push('event') };
    await lifecycle({ audit, name: 'x', orgid: 'acme' }, async () => {
      await Promise.resolve();
      order.push('body');
    });
    expect(order).toEqual(['event', 'body', 'event']);
    expect(lifecycle({ audit: throwing, name: 'x', orgid: 'acme' }, () => 1)).toBe(1);
    expect(await lifecycle({ audit: throwing, name: 'x', orgid: 'acme' }, async () => 2)).toBe(2);
    await expect(
      lifecycle({ audit: throwing, name: 'x', orgid: 'acme' }, () => Promise.reject(new Error('mine'))),
    ).rejects.toThrow('mine');
  });

  test('describeError says more, and costs nothing when it throws', () => {
    const audit = memorySink();
    const run = (describeError: (error: unknown) => object) => () =>
      lifecycle({ audit, name: 'x', orgid: 'acme', describeError }, () => {
        throw new Error('m\ud800'.repeat(1000));
      });
    expect(run((error) => ({ error_message: (error as Error).message }))).toThrow('m');
    expect(
      run(() => {
        throw new Error('no');
      }),
    ).toThrow('m');
    expect(audit.drops).toEqual([]);
    const message = audit.events[1]?.data['error_message'] as string;
    expect(message).toHaveLength(1024);
    expect(message.isWellFormed()).toBe(true);
    expect(message.endsWith('…')).toBe(true);
    expect(audit.events[3]?.type).toBe('run.failed');
  });

  test('without a sink it is the default one, and without that nothing', () => {
    expect(lifecycle({ name: 'x', orgid: 'acme' }, () => 1)).toBe(1);
    const { audit, types } = recorder();
    expect(setDefaultPublisher(audit)).toBe(undefined);
    expect(lifecycle({ name: 'x', orgid: 'acme' }, () => 1)).toBe(1);
    expect(types()).toEqual(['run.started', 'run.finished']);
    expect(setDefaultPublisher(undefined)).toBe(audit);
  });
});

describe('failClosed', () => {
  const refused = new PublisherError('QUEUE_FULL', 'no room');
  const refuse = (): Promise<unknown> => Promise.reject(refused);
  const options = { name: 'x', orgid: 'acme', failClosed: true } as const;

  test('rejects before the body runs, everywhere the same', async () => {
    const { audit, lines } = recorder(refuse);
    let ran = 0;
    await expect(lifecycle({ ...options, audit }, () => ran++)).rejects.toBe(refused);
    await expect(audited({ ...options, audit })(() => ran++)()).rejects.toBe(refused);
    await expect(lifecycle(options, () => ran++)).rejects.toMatchObject({ code: 'DISABLED' });
    expect({ ran, lines }).toEqual({ ran: 0, lines: [] });
  });

  test('once the body has run, it is its result that counts', async () => {
    const { audit } = recorder();
    const broken = { ...audit, emit: throwing.emit };
    expect(await lifecycle({ ...options, audit: broken }, () => 7)).toBe(7);
    await expect(
      lifecycle({ ...options, audit: broken }, () => {
        throw new RangeError('mine');
      }),
    ).rejects.toThrow('mine');
  });

  test('without it, nothing that a sink does keeps the body from running', () => {
    const { audit } = recorder(refuse);
    expect(lifecycle({ name: 'x', orgid: 'acme', audit }, () => 1)).toBe(1);
    expect(lifecycle({ name: 'x', orgid: 'acme', audit: throwing }, () => 1)).toBe(1);
  });
});

test('audited keeps this, arguments, name and length', async () => {
  const { audit, lines } = recorder();
  class Exporter {
    readonly base = 10;
    run = audited({ audit, name: 'export', orgid: 'acme' })(function add(this: Exporter, a: number, b: number) {
      return this.base + a + b;
    });
  }
  const exporter = new Exporter();
  expect(exporter.run(1, 2)).toBe(13);
  expect(exporter.run(2, 3)).toBe(15);
  expect([exporter.run.name, exporter.run.length]).toEqual(['add', 2]);
  expect(new Set(lines.map(({ fields }) => fields['runid'])).size).toBe(2);
});

describe('timed', () => {
  const indexed = (fields: object): EventDraft => ({ type: 'catalogue.indexed', fields });

  test('one event, with how long it took and how it went', async () => {
    const { audit, lines } = recorder();
    expect(timed(indexed({ orgid: 'acme', items: 3 }), () => 'x', audit)).toBe('x');
    await expect(
      timed(indexed({ orgid: 'acme', items: 3 }), () => Promise.reject(new Error('e')), audit),
    ).rejects.toThrow('e');
    expect(lines).toMatchObject([
      {
        type: 'catalogue.indexed',
        fields: { orgid: 'acme', items: 3, outcome: 'success', duration_ms: expect.any(Number) },
      },
      { type: 'catalogue.indexed', fields: { outcome: 'failure' } },
    ]);
  });

  test('fields that cannot be read cost the event, not the call', () => {
    const fields = new Proxy(
      {},
      {
        ownKeys: () => {
          throw new Error('no');
        },
      },
    );
    expect(timed({ type: 'a.b', fields }, () => 1, recorder().audit)).toBe(1);
    expect(timed(indexed({ orgid: 'acme', items: 3 }), () => 1)).toBe(1);
  });
});

test('fields that cannot be read when the work is over cost the event, and it is counted', () => {
  const audit = memorySink();
  const fields = {
    orgid: 'acme',
    digest: `sha256:${'0'.repeat(64)}`,
    get transferred_bytes(): number {
      throw new Error('the counter is gone');
    },
  };
  const event: EventDraft = { type: artifactDownloaded.type, fields };
  expect(timed(event, () => 1, audit)).toBe(1);
  expect(() =>
    timed(
      event,
      () => {
        throw new Error('of the work');
      },
      audit,
    ),
  ).toThrow('of the work');
  expect(audit.events).toEqual([]);
  expect(audit.drops.map(({ reason }) => reason)).toEqual(['builder_threw', 'builder_threw']);
});

test('a transfer that fails is billed by what it says to have moved, and by nothing else', () => {
  const digest = `sha256:${'0'.repeat(64)}`;
  let sent = 0;
  const fields = {
    orgid: 'acme',
    digest,
    size_bytes: 5,
    get transferred_bytes() {
      return sent;
    },
  };
  const fail = (): never => {
    sent = 3;
    throw new Error('gone');
  };
  const sink = memorySink();
  expect(() => timed(artifactDownloaded({ orgid: 'acme', digest, size_bytes: 5 }), fail, sink)).toThrow('gone');
  expect(() => timed(artifactDownloaded({ orgid: 'acme', digest, outcome: 'success' }), fail, sink)).toThrow('gone');
  expect(() => timed(artifactDownloaded(fields), fail, sink)).toThrow('gone');
  timed(artifactDownloaded(fields), () => 0, sink);
  timed(artifactDownloaded({ ...fields, outcome: 'failure' }), () => 0, sink);
  expect(sink.drops).toEqual([]);
  expect(sink.events.map((event) => transferOf(event as unknown as JsonObject))).toEqual([
    null,
    null,
    { kind: 'download', digest, bytes: 3, failed: true },
    { kind: 'download', digest, bytes: 5 },
    { kind: 'download', digest, bytes: 3, failed: true },
  ]);
});
