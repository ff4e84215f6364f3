/** Metrics that are read when somebody asks for them, from a table that is also their documentation. */
import { Counter, Gauge, type MetricConfiguration, type Registry } from 'prom-client';

/** One number, or one number for each set of labels. */
type Values = number | readonly (readonly [labels: Readonly<Record<string, string>>, value: number])[];

export interface Metric<Status> {
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly help: string;
  readonly labels?: readonly string[];
  /** Absent for what is counted when it happens. */
  readonly read?: (status: Status) => Values;
}

type Table<Status> = Readonly<Record<string, Metric<Status>>>;

/** Adds every metric of the table that is read. */
export function registerReadings<Status>(registry: Registry, table: Table<Status>, status: () => Status): void {
  for (const [name, { type, read }] of Object.entries(table)) {
    if (!read) continue;
    const make = { ...configOf(table, name), registers: [] };
    if (type === 'counter') {
      const counter = new Counter({
        ...make,
        // The value is counted elsewhere, and this library's counters can only add.
        collect() {
          this.reset();
          for (const [labels, value] of valuesOf(read(status()))) this.inc(labels, value);
        },
      });
      registry.registerMetric(counter);
    } else {
      const gauge = new Gauge({
        ...make,
        collect() {
          this.reset();
          for (const [labels, value] of valuesOf(read(status()))) this.set(labels, value);
        },
      });
      registry.registerMetric(gauge);
    }
  }
}

export function configOf<Status>(table: Table<Status>, name: string): MetricConfiguration<string> {
  const { help, labels = [] } = table[name] as Metric<Status>;
  return { name, help, labelNames: [...labels] };
}

function valuesOf(values: Values): readonly (readonly [Readonly<Record<string, string>>, number])[] {
  return typeof values === 'number' ? [[{}, values]] : values;
}
