/**
 * `/metrics`, in Prometheus' text format. The table is its documentation: docs/reference/operations.md has exactly
 * these rows, and a test compares them. No metric has a label for organizations: there may be a hundred thousand of
 * them.
 */
import { Histogram, Registry } from 'prom-client';
import type { Role } from '../writer/consumer.ts';
import { PROCESS_METRICS } from './process-metrics.ts';
import { configOf, type Metric, registerReadings } from './readings.ts';
import type { ServiceStatus } from './service-status.ts';

const ROLES = ['starting', 'writer', 'standby', 'waiting', 'closed'] as const satisfies readonly Role[];

export const METRICS = {
  waybill_build_info: PROCESS_METRICS.waybill_build_info,
  waybill_role: {
    type: 'gauge',
    labels: ['role'],
    help: '1 for the role that this process has: `starting`, `writer`, `standby`, `waiting` or `closed`; 0 for the others.',
    read: ({ role }) => ROLES.map((one) => [{ role: one }, Number(one === role)]),
  },
  waybill_connected: PROCESS_METRICS.waybill_connected,
  waybill_nats_reconnects_total: PROCESS_METRICS.waybill_nats_reconnects_total,
  waybill_watermark: {
    type: 'gauge',
    help: 'Every AUDIT message up to this sequence is in the ledger.',
    read: ({ watermark }) => watermark,
  },
  waybill_lag_events: {
    type: 'gauge',
    help: 'AUDIT messages that are not in the ledger.',
    read: ({ lag }) => lag,
  },
  waybill_lag_seconds: {
    type: 'gauge',
    help: 'Age of the oldest AUDIT message that is not in the ledger; 0 when all are.',
    read: ({ lagSeconds }) => lagSeconds,
  },
  waybill_stalled_seconds: {
    type: 'gauge',
    help: 'How long nothing has been chained although events wait; 0 when none does.',
    read: ({ stalledSeconds }) => stalledSeconds,
  },
  waybill_clock_ahead_seconds: {
    type: 'gauge',
    help: 'How far the latest time that this process has chained is ahead of its clock; 0 when it is not.',
    read: ({ clockAheadSeconds }) => clockAheadSeconds,
  },
  waybill_commit_duration_seconds: {
    type: 'histogram',
    help: 'From the first block of a commit that is sent to the last that is acknowledged.',
  },
  waybill_commits_total: {
    type: 'counter',
    help: 'Commits that this process has finished.',
    read: ({ commits }) => commits,
  },
  waybill_last_commit_timestamp_seconds: {
    type: 'gauge',
    help: 'When this process finished a commit last, in seconds since 1970; 0: never.',
    read: ({ lastCommitAt }) => (lastCommitAt === null ? 0 : Date.parse(lastCommitAt) / 1000),
  },
  waybill_blocks_total: {
    type: 'counter',
    help: 'Blocks in those commits.',
    read: ({ blocks }) => blocks,
  },
  waybill_entries_total: {
    type: 'counter',
    help: 'Entries in those commits. What a commit stored that failed after that is counted by nobody.',
    read: ({ entries }) => entries,
  },
  waybill_rejected_total: {
    type: 'counter',
    help: 'Messages that were no valid events, in those commits; `_system` has them.',
    read: ({ rejected }) => rejected,
  },
  waybill_duplicates_total: {
    type: 'counter',
    help: "Events that came again after the stream's own dedupe window, in those commits; `_system` has them.",
    read: ({ duplicates }) => duplicates,
  },
  waybill_beyond_window_total: {
    type: 'counter',
    help: 'Events that came so late that nobody knows whether they are chained, in those commits; `_system` has them.',
    read: ({ beyondWindow }) => beyondWindow,
  },
  waybill_gaps_total: {
    type: 'counter',
    help: 'Stretches of AUDIT without messages, in those commits; `_system` has them.',
    read: ({ gaps }) => gaps,
  },
  waybill_acknowledged_total: {
    type: 'counter',
    help: 'Losses that operators acknowledged, in those commits; `_system` has them.',
    read: ({ acknowledged }) => acknowledged,
  },
  waybill_producers_opened_total: {
    type: 'counter',
    help: 'Publishers whose first event in a chain is in those commits.',
    read: ({ producersOpened }) => producersOpened,
  },
  waybill_producers_closed_total: {
    type: 'counter',
    help: 'Publishers whose end in a chain is in those commits: `producer.closed`, or acknowledged.',
    read: ({ producersClosed }) => producersClosed,
  },
  waybill_conflicts_total: {
    type: 'counter',
    help: 'Times that another writer was first.',
    read: ({ conflicts }) => conflicts,
  },
  waybill_failures_total: {
    type: 'counter',
    help: 'Times that writing ended for any other reason, and began again from the ledger.',
    read: ({ failures }) => failures,
  },
  waybill_chains_loaded: {
    type: 'gauge',
    help: 'Chains whose state is in memory.',
    read: ({ chains }) => chains,
  },
  waybill_stream_drift: {
    type: 'gauge',
    labels: ['stream', 'field'],
    help: '1 for each field of a stream that is not as wanted; absent otherwise.',
    read: ({ drift }) => drift.map(({ stream, field }) => [{ stream, field }, 1]),
  },
  waybill_stream_check_timestamp_seconds: {
    type: 'gauge',
    help: 'When the streams were last compared with what is wanted, in seconds since 1970; 0: never.',
    read: ({ driftCheckedAt }) => (driftCheckedAt === null ? 0 : Date.parse(driftCheckedAt) / 1000),
  },
  waybill_stream_messages: {
    type: 'gauge',
    labels: ['stream'],
    help: 'Messages in the stream.',
    read: ({ streams }) => streams.map(({ stream, messages }) => [{ stream }, messages]),
  },
  waybill_stream_bytes: {
    type: 'gauge',
    labels: ['stream'],
    help: 'Size of the stream.',
    read: ({ streams }) => streams.map(({ stream, bytes }) => [{ stream }, bytes]),
  },
  waybill_stream_max_bytes: {
    type: 'gauge',
    labels: ['stream'],
    help: 'Size at which the stream takes no more; absent where there is no limit.',
    read: ({ streams }) =>
      streams.flatMap(({ stream, maxBytes }) => (maxBytes === null ? [] : [[{ stream }, maxBytes] as const])),
  },
  waybill_refused: {
    type: 'gauge',
    labels: ['operation', 'subject'],
    help: '1 for what the NATS identity may not do and the service tried lately; absent otherwise.',
    read: ({ refused }) => refused.map(({ operation, subject }) => [{ operation, subject }, 1]),
  },
  process_resident_memory_bytes: PROCESS_METRICS.process_resident_memory_bytes,
  process_cpu_seconds_total: PROCESS_METRICS.process_cpu_seconds_total,
  process_start_time_seconds: PROCESS_METRICS.process_start_time_seconds,
} as const satisfies Record<string, Metric<ServiceStatus>>;

/** In seconds: from a commit on a fast disk to one that is about to time out (`ackTimeoutMs`). */
const COMMIT_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

export interface Metrics {
  observeCommit(ms: number): void;
  readonly contentType: string;
  text(): Promise<string>;
}

export function createMetrics(status: () => ServiceStatus): Metrics {
  const registry = new Registry();
  const durations = new Histogram({
    ...configOf(METRICS, 'waybill_commit_duration_seconds'),
    buckets: COMMIT_BUCKETS,
    registers: [registry],
  });
  /** Read once for each answer, so that its numbers belong together. */
  let current: ServiceStatus;
  registerReadings(registry, METRICS, () => current);
  return {
    observeCommit: (ms) => durations.observe(ms / 1000),
    contentType: registry.contentType,
    text() {
      current = status();
      return registry.metrics();
    },
  };
}
