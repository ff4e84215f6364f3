/** The reading half of the service: everything that answers, over one connection. */
import { type NatsConnection, nuid } from '@nats-io/nats-core';
import type { ConsumerLogger } from '../logger.ts';
import type { Access } from '../access/principal.ts';
import { READER_LIMITS, type Reader } from '../api/reader.ts';
import { createSlots } from '../api/slots.ts';
import { createVerificationJobs } from '../api/verification-jobs.ts';
import { verifyInThread } from '../api/verify-in-thread.ts';
import type { Config } from '../config/config.ts';
import { type Endpoints, startEndpoints } from '../endpoints/endpoints.ts';
import { createApp } from '../http/app.ts';
import { startHttpServer } from '../http/http-server.ts';
import { ConsumerError } from '../errors.ts';
import { readBillSigner } from './bill-key.ts';
import { createReaderMetrics, type ReaderMetrics } from './reader-metrics.ts';

export interface ReaderService extends AsyncDisposable {
  /** Of the API. */
  readonly url: string;
  /** What answers, whatever transport asks. */
  readonly reader: Reader;
  readonly metrics: ReaderMetrics;
  /** Ends streams and verifications, and closes the port. */
  close(): Promise<void>;
}

export interface ReaderServiceOptions {
  readonly nc: NatsConnection;
  readonly config: Config;
  readonly logger: ConsumerLogger;
  readonly access: Access;
  readonly role: Reader['role'];
}

/** @throws ConsumerError BAD_CONFIG when the port or the key of bills cannot be used */
export async function startReaderService(options: ReaderServiceOptions): Promise<ReaderService> {
  const { nc, config, logger, access, role } = options;
  if (config.api === null) throw new ConsumerError('BAD_CONFIG', 'WAYBILL_API_PORT is not set');
  const { settings, nats } = config;
  const bind = config.streamMode === 'bind';
  const stop = new AbortController();
  const verifications = createVerificationJobs({
    run: (run) => verifyInThread({ nats, settings, bind }, run),
    onFailure: (error, orgid) => logger.error({ err: error, orgid }, 'a verification failed'),
  });
  const metrics = createReaderMetrics(() => reader);
  const reader: Reader = {
    nc,
    settings,
    bind,
    role,
    bill: {
      issuer: config.bill.issuer,
      signer: config.bill.keyFile === null ? null : readBillSigner('WAYBILL_BILL_KEY_FILE', config.bill.keyFile),
    },
    access,
    slots: createSlots(),
    verifications,
    limits: READER_LIMITS,
    logger,
    onAnswer: metrics.onAnswer,
  };
  const server = await startHttpServer(createApp({ reader, hosts: config.api.hosts, stop: stop.signal }), config.api);
  const endpoints: Endpoints | null = config.api.nats ? startEndpoints({ nc, reader, logger, id: nuid.next() }) : null;
  logger.info({ url: server.url }, 'API');
  if (endpoints) logger.info({ subjects: 'waybill.v1.>' }, 'answering over NATS');
  const close = async (): Promise<void> => {
    stop.abort();
    await Promise.all([server.close(), endpoints?.close(), verifications.close()]);
  };
  return { url: server.url, reader, metrics, close, [Symbol.asyncDispose]: close };
}
