import { channel } from 'node:diagnostics_channel';
import { setTimeout as pause } from 'node:timers/promises';
import { context, type Context, trace, TraceFlags } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { artifactUploaded } from '@waybill/schema';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { PublisherError } from '../error.ts';
import { createPublisher } from '../publisher/publisher.ts';
import { memorySink } from '../sinks/memory-sink.ts';
import { activeTraceparent } from '../traceparent.ts';
import { autoCapture } from './auto-capture.ts';
import { decision } from './decision.ts';
import { setDefaultPublisher } from './default-publisher.ts';
import { lifecycle } from './lifecycle.ts';

const digest = `sha256:${'0'.repeat(64)}`;
const upload = (orgid = 'acme') => artifactUploaded({ orgid, digest });

describe('decision', () => {
  test('says what went in, what came of it, who looked at it, and how it ended', async () => {
    const audit = memorySink();
    const options = {
      audit,
      orgid: 'acme',
      actor: { type: 'SERVICE', id: 'scorer', name: 'gpt-x' },
      name: 'credit-limit',
      subject: 'customer-7',
      input: { income: 50_000, flags: ['a'] },
    } as const;
    const result = await decision(options, async (d) => {
      d.record('score', 0.71);
      await pause(1);
      d.record('declined');
      d.humanOversight({ reviewer: 'ann@example.com', action: 'overridden', reason: 'known customer' });
      return d.id;
    });
    expect(audit.drops).toEqual([]);
    expect(audit.events.map(({ type, data }) => [type, data])).toEqual([
      ['decision.started', { name: 'credit-limit', input: { income: 50_000, flags: ['a'] } }],
      ['decision.recorded', { name: 'score', value: 0.71 }],
      ['decision.recorded', { name: 'declined' }],
      ['decision.reviewed', { reviewer: 'ann@example.com', action: 'overridden', reason: 'known customer' }],
      ['decision.ended', { duration_ms: expect.any(Number) }],
    ]);
    const actor = { actortype: 'SERVICE', actorid: 'scorer', actorname: 'gpt-x', subject: 'customer-7' };
    for (const event of audit.events) expect(event).toMatchObject({ ...actor, decisionid: result, orgid: 'acme' });
    expect(audit.events.at(-1)?.outcome).toBe('success');
  });

  test('records several results at once, and whatever a service has at hand', () => {
    const audit = memorySink();
    const input = { at: new Date(0), limits: new Map([['day', 5n]]), none: undefined };
    decision({ audit, orgid: 'acme', name: 'x'.repeat(300), input }, (d) => {
      d.record({ score: 0.71, model: 'gpt-x', none: undefined });
      d.record('failed', new RangeError('no more'));
      d.record('when', new Date(0));
      d.record(Object.fromEntries(Array.from({ length: 30_000 }, (_, i) => [`member ${i}`, i])));
    });
    expect(audit.events.map(({ type, data }) => [type, data])).toEqual([
      [
        'decision.started',
        { name: `${'x'.repeat(255)}…`, input: { at: '1970-01-01T00:00:00.000Z', limits: { day: '5' } } },
      ],
      ['decision.recorded', { name: 'score', value: 0.71 }],
      ['decision.recorded', { name: 'model', value: 'gpt-x' }],
      ['decision.recorded', { name: 'none' }],
      ['decision.recorded', { name: 'failed', value: { name: 'RangeError', message: 'no more' } }],
      ['decision.recorded', { name: 'when', value: '1970-01-01T00:00:00.000Z' }],
      ['decision.ended', { duration_ms: expect.any(Number) }],
    ]);
    expect(audit.drops.map(({ reason }) => reason)).toEqual(['too_large']);
  });

  test('everything emitted inside carries its id, across awaits, and nothing outside does', async () => {
    const audit = memorySink();
    const run = (name: string) =>
      decision({ audit, orgid: name, decisionid: `d-${name}` }, async () => {
        for (let i = 0; i < 3; i++) {
          await pause(1);
          audit.emit(upload(name));
        }
        await lifecycle({ audit, name: 'inner', orgid: name }, () => pause(1));
      });
    await Promise.all([run('acme'), run('bolt'), pause(2).then(() => audit.emit(upload('outside')))]);
    audit.emit(upload('outside'));
    expect(audit.events).toHaveLength(2 * 7 + 2);
    for (const { orgid, decisionid } of audit.events)
      expect(decisionid).toBe(orgid === 'outside' ? undefined : `d-${orgid}`);
    audit.clear();
    decision({ audit, orgid: 'acme', decisionid: 'outer' }, () => {
      decision({ audit, orgid: 'acme', decisionid: 'inner' }, () => audit.emit(upload()));
      audit.emit({ type: 'casartifact.uploaded', fields: { orgid: 'acme', digest, decisionid: 'own' } });
      audit.emit(upload());
    });
    const ids = audit.events.filter(({ type }) => type === 'casartifact.uploaded').map(({ decisionid }) => decisionid);
    expect(ids).toEqual(['inner', 'own', 'outer']);
  });

  test('an error ends it and is handed on; failClosed rejects before the body runs', async () => {
    const audit = memorySink();
    const error = new RangeError('secret');
    expect(() =>
      decision({ audit, orgid: 'acme' }, () => {
        throw error;
      }),
    ).toThrow(error);
    expect(audit.events.at(-1)).toMatchObject({
      type: 'decision.ended',
      outcome: 'failure',
      data: { error_name: 'RangeError' },
    });
    expect(JSON.stringify(audit.events)).not.toContain('secret');

    audit.fault = () => new PublisherError('TIMEOUT', 'away');
    let ran = 0;
    await expect(decision({ audit, orgid: 'acme', failClosed: true }, () => ran++)).rejects.toThrow('away');
    expect(ran).toBe(0);
    expect(decision({ audit, orgid: 'acme' }, () => ++ran)).toBe(1);
    audit.fault = null;
    expect(await decision({ audit, orgid: 'acme', failClosed: true }, () => 'x')).toBe('x');
  });

  test('with a publisher, and without a sink the default one', async () => {
    await using publisher = createPublisher({ source: '//test', logger: { info: () => {}, warn: () => {} } });
    expect(decision({ audit: publisher, orgid: 'acme' }, (d) => (d.record('a', 1), 5))).toBe(5);
    expect(publisher.stats().emitted).toBe(3);
    const audit = memorySink();
    setDefaultPublisher(audit);
    decision({ orgid: 'acme' }, (d) => d.record('x'));
    setDefaultPublisher(undefined);
    expect(audit.events).toHaveLength(3);
  });
});

describe('with OpenTelemetry', () => {
  const spanContext = {
    traceId: '0af7651916cd43dd8448eb211c80319c',
    spanId: 'b7ad6b7169203331',
    traceFlags: TraceFlags.SAMPLED,
  };
  const inSpan = (): Context => trace.setSpanContext(context.active(), spanContext);

  beforeAll(() => {
    context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  });
  afterAll(() => {
    context.disable();
  });

  test('events of a decision carry the surrounding span, unless they name one', async () => {
    const audit = memorySink();
    const own = `00-${'1'.repeat(32)}-${'2'.repeat(16)}-00`;
    await decision({ audit, orgid: 'acme' }, async () => {
      audit.emit(upload());
      await context.with(inSpan(), async () => {
        await pause(1);
        audit.emit(upload());
        audit.emit(artifactUploaded({ orgid: 'acme', digest, traceparent: own }));
      });
    });
    const uploads = audit.events.filter(({ type }) => type === 'casartifact.uploaded');
    expect(uploads.map(({ traceparent }) => traceparent)).toEqual([
      undefined,
      '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
      own,
    ]);
  });

  test('a span that is none is nothing', () => {
    const bad = trace.setSpanContext(context.active(), { ...spanContext, traceId: '0'.repeat(32) });
    expect(context.with(bad, activeTraceparent)).toBe(undefined);
    expect(activeTraceparent()).toBe(undefined);
  });
});

describe('autoCapture', () => {
  test('turns messages into events until it is stopped, and throws at nobody', () => {
    const audit = memorySink();
    const stored = channel('test.stored');
    const capture = autoCapture({
      audit,
      channels: {
        'test.stored': (message) => {
          const { org } = message as { org: string };
          return org === 'internal' ? null : upload(org);
        },
        'test.other': () => undefined,
      },
    });
    for (const org of ['acme', 'internal', 'bolt']) stored.publish({ org });
    stored.publish(undefined);
    channel('test.other').publish({});
    expect(audit.events.map(({ orgid }) => orgid)).toEqual(['acme', 'bolt']);
    expect(capture.stats()).toEqual({ captured: 2, failed: 1 });
    capture.stop();
    capture.stop();
    expect([stored.hasSubscribers, channel('test.other').hasSubscribers]).toEqual([false, false]);
  });
});
