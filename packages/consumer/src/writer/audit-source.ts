/**
 * Where a session reads AUDIT from: in strict order, with the ledger's numbers, until the stream can be read no more.
 */
import type { JetStreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/nats-core';
import type { ConsumerLogger } from '../logger.ts';
import { shiftReader } from '../audit/epoch.ts';
import { explain, isPermanentError } from '../nats/nats-error.ts';
import { createOrderedReader, type OrderedReader } from '../nats/ordered-reader.ts';
import { type EnteredEpoch, StreamChangedError } from './enter-epoch.ts';
import type { WriterPaths } from './writer-paths.ts';

export interface AuditSourceOptions {
  readonly nc: NatsConnection;
  readonly jsm: JetStreamManager;
  readonly auditStream: string;
  readonly logger: ConsumerLogger;
  /** Names this process. */
  readonly writer: string;
  readonly paths: WriterPaths;
  readonly epoch: EnteredEpoch;
  /** Every message up to here is in the ledger: the first message that is read is the one after it. */
  readonly watermark: number;
  /** Called once, when AUDIT can be read. */
  readonly onReading: () => void;
}

export interface AuditSource {
  readonly reader: OrderedReader;
  /** Why nothing more comes. What has arrived is still handed on: it may be nowhere else any more. null: it goes on. */
  readonly ended: Error | null;
}

export function openAuditSource(options: AuditSourceOptions): AuditSource {
  const { nc, jsm, auditStream, logger, writer, watermark } = options;
  const { base, info, confirm } = options.epoch;
  let ended: Error | null = null;
  const source = createOrderedReader({
    nc,
    jsm,
    stream: auditStream,
    tapDeliveries: options.paths.tapDeliveries,
    startSeq: watermark + 1 - base,
    maxBufferedMessages: MAX_BUFFERED_MESSAGES,
    maxBufferedBytes: MAX_BUFFERED_BYTES,
    confirm: () => confirm(source.position),
    onReading() {
      options.onReading();
      logger.info({ watermark, audit: base + info.state.last_seq, writer }, 'writing');
    },
    onReset(reason, cause) {
      if (!isPermanentError(cause) && !(cause instanceof StreamChangedError))
        return logger.info({ stream: auditStream, reason }, 'reading goes on with a new consumer');
      ended = cause instanceof StreamChangedError ? cause : explain(cause, `read stream ${auditStream}`);
      source.finish();
    },
  });
  return {
    reader: shiftReader(source, base),
    get ended() {
      return ended;
    },
  };
}

/** Messages that wait longer to be folded outlive the young generation of the heap, which costs more than waiting. */
const MAX_BUFFERED_MESSAGES = 1_024;
const MAX_BUFFERED_BYTES = 8 * 1024 * 1024;
