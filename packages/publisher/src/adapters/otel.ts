/**
 * `@waybill/publisher/otel`: a publisher's counts as OpenTelemetry metrics. They are read when the meter collects, so
 * `emit` does not get slower. Take the meter from the service's `@opentelemetry/api`: `metrics.getMeter('waybill')`.
 */
import '../check-node.ts';
import type { KnownOptions } from '@waybill/schema/internal';
import { checkOptions } from '../check-options.ts';
import type { Publisher } from '../handle.ts';
import type { PublisherStats } from '../stats.ts';

/** The part of `Meter` of `@opentelemetry/api` that is used here. */
export interface MeterLike {
  createObservableCounter(name: string, options?: MetricOptions): ObservableLike;
  createObservableGauge(name: string, options?: MetricOptions): ObservableLike;
}

export interface MetricOptions {
  readonly description?: string;
  readonly unit?: string;
}

export interface ObservableLike {
  addCallback(callback: (result: ObservableResultLike) => void): void;
  removeCallback(callback: (result: ObservableResultLike) => void): void;
}

export interface ObservableResultLike {
  observe(value: number, attributes?: Record<string, string>): void;
}

export interface ObserveOptions {
  /** Added to every measurement, e.g. to tell two publishers apart. */
  readonly attributes?: Readonly<Record<string, string>>;
}

const OPTIONS: KnownOptions<ObserveOptions> = { attributes: true };

/**
 * | metric | kind | |
 * |---|---|---|
 * | `waybill.publisher.emitted` | counter | calls of `emit` and `confirm` |
 * | `waybill.publisher.acked` | counter | stored in the stream |
 * | `waybill.publisher.dropped` | counter | by `reason` |
 * | `waybill.publisher.resent` | counter | messages beyond the first try |
 * | `waybill.publisher.unsigned` | counter | stored without a signature, by `reason`; only with a signer |
 * | `waybill.publisher.pending` | gauge | in memory |
 * | `waybill.publisher.pending_bytes` | gauge | in memory |
 * | `waybill.publisher.spooled` | gauge | only on disk |
 * | `waybill.publisher.spool_bytes` | gauge | of this publisher's files |
 * | `waybill.publisher.connected` | gauge | 1 or 0 |
 *
 * @returns a function that stops the observation
 */
export function observePublisher(publisher: Publisher, meter: MeterLike, options: ObserveOptions = {}): () => void {
  checkOptions('observePublisher', options, OPTIONS);
  const { attributes = {} } = options;
  const ends: (() => void)[] = [];
  const add = (instrument: ObservableLike, observe: (result: ObservableResultLike) => void): void => {
    instrument.addCallback(observe);
    ends.push(() => instrument.removeCallback(observe));
  };
  const named = (name: string, description: string, unit = '{event}'): [string, MetricOptions] => [
    `waybill.publisher.${name}`,
    { description, unit },
  ];
  const count = (name: string, description: string, read: (stats: PublisherStats) => number): void => {
    const counter = meter.createObservableCounter(...named(name, description));
    add(counter, (result) => result.observe(read(publisher.stats()), { ...attributes }));
  };
  const gauge = (metric: [string, MetricOptions], read: (stats: PublisherStats) => number): void => {
    add(meter.createObservableGauge(...metric), (result) => result.observe(read(publisher.stats()), { ...attributes }));
  };

  count('emitted', 'Events handed to emit or confirm', (stats) => stats.emitted);
  count('acked', 'Events stored in the stream', (stats) => stats.acked);
  count('resent', 'Messages sent beyond the first try of each event', (stats) => stats.resent);
  add(meter.createObservableCounter(...named('dropped', 'Events given up, by reason')), (result) => {
    for (const [reason, events] of Object.entries(publisher.stats().dropped)) {
      result.observe(events, { ...attributes, reason });
    }
  });
  add(meter.createObservableCounter(...named('unsigned', 'Events stored without a signature, by reason')), (result) => {
    for (const [reason, events] of Object.entries(publisher.stats().unsigned ?? {})) {
      result.observe(events, { ...attributes, reason });
    }
  });
  gauge(named('pending', 'Events in memory that are not settled'), (stats) => stats.pending);
  gauge(named('pending_bytes', 'Their bytes', 'By'), (stats) => stats.pendingBytes);
  gauge(named('spooled', 'Events that are only on disk'), (stats) => stats.spooled);
  gauge(named('spool_bytes', "Bytes of this publisher's spool", 'By'), (stats) => stats.spool?.bytes ?? 0);
  gauge(named('connected', 'Whether events are being stored', '1'), () =>
    publisher.status().state === 'connected' ? 1 : 0,
  );
  return () => {
    for (const end of ends) end();
  };
}
