/** What every process of Waybill says about itself. */
import { Registry } from 'prom-client';
import { type Metric, registerReadings } from './readings.ts';

export interface ProcessStatus {
  readonly version: string;
  readonly connected: boolean;
  readonly reconnects: number;
}

export const PROCESS_METRICS = {
  waybill_build_info: {
    type: 'gauge',
    labels: ['version', 'node'],
    help: 'Always 1; the labels say what runs.',
    read: ({ version }) => [[{ version, node: process.versions.node }, 1]],
  },
  waybill_connected: {
    type: 'gauge',
    help: '1 while there is a NATS connection.',
    read: ({ connected }) => Number(connected),
  },
  waybill_nats_reconnects_total: {
    type: 'counter',
    help: 'NATS connections that were made again.',
    read: ({ reconnects }) => reconnects,
  },
  process_resident_memory_bytes: {
    type: 'gauge',
    help: 'Memory of the process.',
    read: () => process.memoryUsage.rss(),
  },
  process_cpu_seconds_total: {
    type: 'counter',
    help: 'Processor time of the process, its own and in the system.',
    read: () => {
      const { user, system } = process.cpuUsage();
      return (user + system) / 1e6;
    },
  },
  process_start_time_seconds: {
    type: 'gauge',
    help: 'When the process was started, in seconds since 1970.',
    read: () => performance.timeOrigin / 1000,
  },
} as const satisfies Readonly<Record<string, Metric<ProcessStatus>>>;

/** `/metrics` of a process that has nothing else to say. */
export function createProcessMetrics(status: () => ProcessStatus): { text(): Promise<string> } {
  const registry = new Registry();
  registerReadings<ProcessStatus>(registry, PROCESS_METRICS, status);
  return { text: () => registry.metrics() };
}
