/**
 * What a reader adds to `/metrics`. No metric has a label for organizations or tokens. The table is documentation, as that
 * of the writer.
 */
import { Counter, Histogram, Registry } from 'prom-client';
import type { Reader } from '../api/reader.ts';
import { SLOT_KINDS } from '../api/slots.ts';
import { configOf, type Metric, registerReadings } from './readings.ts';

type Source = Pick<Reader, 'slots' | 'verifications'>;

export const READER_METRICS = {
  waybill_answers_total: {
    type: 'counter',
    labels: ['operation', 'code'],
    help: 'Questions that were answered: `OK`, or the code of the error. A stream counts when it begins.',
  },
  waybill_answer_duration_seconds: {
    type: 'histogram',
    labels: ['operation'],
    help: 'From a question that is authenticated to its answer, or to the beginning of a stream.',
  },
  waybill_questions_open: {
    type: 'gauge',
    labels: ['kind'],
    help: 'Questions that are being answered: `query`, `wait` (for a final answer), `bill` or `stream`.',
    read: ({ slots }) => SLOT_KINDS.map((kind) => [{ kind }, slots.taken(kind)]),
  },
  waybill_verifications_running: {
    type: 'gauge',
    help: 'Verifications that run.',
    read: ({ verifications }) => verifications.running,
  },
} as const satisfies Record<string, Metric<Source>>;

/** In seconds: an answer may take two, a bill a minute. */
const BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 10, 60];

export interface ReaderMetrics {
  readonly onAnswer: Reader['onAnswer'];
  readonly contentType: string;
  text(): Promise<string>;
}

export function createReaderMetrics(source: () => Source): ReaderMetrics {
  const registry = new Registry();
  const answers = new Counter({ ...configOf(READER_METRICS, 'waybill_answers_total'), registers: [registry] });
  const durations = new Histogram({
    ...configOf(READER_METRICS, 'waybill_answer_duration_seconds'),
    buckets: BUCKETS,
    registers: [registry],
  });
  registerReadings<Source>(registry, READER_METRICS, source);
  return {
    onAnswer({ operation, code, ms }) {
      answers.inc({ operation, code });
      durations.observe({ operation }, ms / 1000);
    },
    contentType: registry.contentType,
    text: () => registry.metrics(),
  };
}
