import { generateKeyPairSync } from 'node:crypto';
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics';
import { expect, test } from 'vitest';
import { createPublisher } from '../publisher/publisher.ts';
import { createSigner } from '../signing/signer.ts';
import { observePublisher } from './otel.ts';

test("a publisher's counts are collected by OpenTelemetry's own SDK", async () => {
  const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
  const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 });
  const provider = new MeterProvider({ readers: [reader] });
  const publisher = createPublisher({ source: '//test', logger: { info: () => {}, warn: () => {} } });
  const end = observePublisher(publisher, provider.getMeter('waybill'), { attributes: { service: 'cas' } });
  for (let i = 0; i < 3; i++) publisher.emit({ type: 'casartifact.uploaded', fields: {} });

  const collected = async () => {
    exporter.reset();
    await reader.forceFlush();
    const metrics = exporter.getMetrics().flatMap(({ scopeMetrics }) => scopeMetrics.flatMap((scope) => scope.metrics));
    return new Map(
      metrics.flatMap(({ descriptor, dataPoints }) =>
        dataPoints.map(({ attributes, value }) => [
          [descriptor.name.replace('waybill.publisher.', ''), attributes['reason']].filter(Boolean).join(' '),
          [value, attributes['service']],
        ]),
      ),
    );
  };
  const counts = await collected();
  expect(counts.get('emitted')).toEqual([3, 'cas']);
  expect(counts.get('dropped disabled')).toEqual([3, 'cas']);
  expect(counts.get('dropped queue_full')).toEqual([0, 'cas']);
  expect(counts.get('connected')).toEqual([0, 'cas']);
  expect([...counts.keys()]).toEqual(
    expect.arrayContaining(['acked', 'resent', 'pending', 'pending_bytes', 'spooled', 'spool_bytes']),
  );
  expect([...counts.keys()].filter((name) => name.startsWith('unsigned'))).toEqual([]);
  end();
  publisher.emit({ type: 'casartifact.uploaded', fields: {} });
  expect((await collected()).get('emitted')).not.toEqual([4, 'cas']);
  await provider.shutdown();
});

test('what was stored without a signature is counted by reason, with a signer', async () => {
  const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
  const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 });
  const provider = new MeterProvider({ readers: [reader] });
  const signer = createSigner({ secret: generateKeyPairSync('ed25519').privateKey });
  const logger = { info: () => {}, warn: () => {} };
  await using publisher = createPublisher({ source: '//x', connection: 'later', signer, logger });
  observePublisher(publisher, provider.getMeter('waybill'));
  await reader.forceFlush();
  const metrics = exporter.getMetrics().flatMap(({ scopeMetrics }) => scopeMetrics.flatMap((scope) => scope.metrics));
  const unsigned = metrics.find(({ descriptor }) => descriptor.name === 'waybill.publisher.unsigned');
  expect(unsigned?.dataPoints.map(({ attributes, value }) => [attributes['reason'], value])).toEqual([
    ['no_key', 0],
    ['too_large', 0],
    ['adopted', 0],
  ]);
  await provider.shutdown();
});
