import { artifactUploaded } from '@waybill/schema';
import { describe, expect, test } from 'vitest';
import { PublisherError } from '../error.ts';
import { memorySink } from './memory-sink.ts';
import { nullSink } from './null-sink.ts';
import { teeSink } from './tee-sink.ts';

const digest = `sha256:${'0'.repeat(64)}`;
const upload = (size_bytes: number) => artifactUploaded({ orgid: 'acme', digest, size_bytes });

describe('memorySink', () => {
  test('keeps events as they would be published', async () => {
    const sink = memorySink({ source: '//cas' });
    sink.emit(upload(1));
    sink.emit(() => upload(2));
    expect(await sink.confirm(upload(3))).toEqual({ stream: 'MEMORY', seq: 3, duplicate: false });
    expect(sink.events).toMatchObject([
      {
        type: 'casartifact.uploaded',
        source: '//cas',
        orgid: 'acme',
        producerseq: '1',
        data: { digest, size_bytes: 1 },
      },
      { producerseq: '2' },
      { producerseq: '3' },
    ]);
    expect(sink.find('casartifact.uploaded')).toBe(sink.events[0]);
    expect(sink.find(({ data }) => data['size_bytes'] === 2)).toBe(sink.events[1]);
    expect(sink.find('no.such')).toBe(undefined);
    sink.clear();
    expect(sink.events).toEqual([]);
  });

  test("emit does not throw for what a test's own functions throw", async () => {
    const sink = memorySink();
    const waiting = sink.waitFor(() => {
      throw new Error('of whoever waits');
    });
    sink.emit(upload(1));
    await expect(waiting).rejects.toThrow('of whoever waits');
    sink.fault = () => {
      throw new Error('a fault of the fault');
    };
    sink.emit(upload(2));
    await expect(sink.confirm(upload(3))).rejects.toMatchObject({ code: 'INVALID', message: 'fault threw' });
    expect(sink.events).toHaveLength(1);
  });

  test('says what was not valid, and takes nothing after close', async () => {
    const sink = memorySink();
    sink.emit(artifactUploaded({ orgid: 'acme', digest: 'nonsense' }));
    sink.emit({ type: 'no.such', fields: {} });
    await expect(sink.confirm(artifactUploaded({ orgid: 'a b', digest }))).rejects.toMatchObject({ code: 'INVALID' });
    await sink.close();
    sink.emit(upload(1));
    expect(sink.enabled('casartifact.uploaded')).toBe(false);
    expect(sink.drops.map(({ reason }) => reason)).toEqual(['invalid', 'type_not_allowed', 'invalid', 'closed']);
    expect(sink.events).toEqual([]);
  });

  test('waits for what is yet to come', async () => {
    const sink = memorySink();
    const waiting = sink.waitFor(({ data }) => data['size_bytes'] === 2);
    sink.emit(upload(1));
    sink.emit(upload(2));
    expect((await waiting).producerseq).toBe('2');
    expect((await sink.waitFor('casartifact.uploaded')).producerseq).toBe('1');
    await expect(sink.waitFor('no.such', { timeoutMs: 1 })).rejects.toThrow(
      'no no.such within 1 ms; there is casartifact.uploaded',
    );
  });

  test('faults on demand', async () => {
    const sink = memorySink({ fault: () => new PublisherError('TIMEOUT', 'the server is away') });
    sink.emit(upload(1));
    await expect(sink.confirm(upload(2))).rejects.toMatchObject({ code: 'TIMEOUT' });
    sink.fault = null;
    expect(await sink.confirm(upload(3))).toMatchObject({ seq: 1 });
    // What was lost is a hole in the count.
    expect(sink.events.map(({ producerseq }) => producerseq)).toEqual(['3']);
  });
});

test('nullSink takes nothing', async () => {
  await using sink = nullSink();
  sink.emit(upload(1));
  await expect(sink.confirm(upload(1))).rejects.toMatchObject({ code: 'DISABLED' });
  expect([sink.enabled('casartifact.uploaded'), await sink.flush()]).toEqual([false, true]);
});

describe('teeSink', () => {
  test('gives each its event, and calls a builder once', async () => {
    const [a, b] = [memorySink(), memorySink()];
    const tee = teeSink(a, nullSink(), b);
    let calls = 0;
    tee.emit(() => {
      calls++;
      return upload(1);
    });
    tee.emit(() => {
      throw new Error('no');
    });
    expect(calls).toBe(1);
    expect([a.events.length, b.events.length, a.drops.length, b.drops.length]).toEqual([1, 1, 1, 1]);
    expect(tee.enabled('casartifact.uploaded')).toBe(true);
    await expect(tee.confirm(upload(2))).rejects.toMatchObject({ code: 'DISABLED' });
    expect(await teeSink(a, b).confirm(upload(3))).toMatchObject({ seq: 3 });
    expect(await tee.flush()).toBe(true);
    await tee.close();
    expect(tee.enabled('casartifact.uploaded')).toBe(false);
  });

  test('a sink that throws does not cost the others their event', () => {
    const sink = memorySink();
    const broken = { ...nullSink(), emit: () => expect.unreachable() };
    teeSink(broken, sink).emit(upload(1));
    expect(sink.events).toHaveLength(1);
  });
});
