import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics';
import { expect, test } from 'vitest';
import { observePublisher } from './otel.ts';
import { createPublisher } from './publisher.ts';

test("a publisher's counts are collected by OpenTelemetry's own SDK", async () => {
  const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
  const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 });
  const provider = new MeterProvider({ readers: [reader] });
  const publisher = createPublisher({ logger: { info: () => {}, warn: () => {} } });
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
  end();
  publisher.emit({ type: 'casartifact.uploaded', fields: {} });
  expect((await collected()).get('emitted')).not.toEqual([4, 'cas']);
  await provider.shutdown();
});
