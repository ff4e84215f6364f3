/** Made-up transfers by a real publisher, the count that a bill of them has to equal, and the comparison. */
import type { NatsConnection } from '@nats-io/nats-core';
import type { Settings } from '@waybill/consumer';
import {
  artifactDownloaded,
  artifactUploaded,
  createPublisher,
  type Publisher,
  type PublisherOptions,
} from '@waybill/publisher';
import { expect } from 'vitest';
import { caughtUp, type CheckedLedger, checkLedger } from './check-ledger.ts';
import { logger } from './logger.ts';
import { PATIENT } from './time.ts';
import { createCount, digestOf } from './traffic.ts';
import { environmentOf, waybill } from './waybill.ts';

export interface BilledLoad extends AsyncDisposable {
  readonly publisher: Publisher;
  /** Emitted so far. */
  readonly made: number;
  /** Emits at most so many, and fewer while `maxPending` events wait for the server. */
  emit(events: number, maxPending?: number): void;
  /** Emits about `perSecond` events a second from now on. */
  start(perSecond: number): void;
  /** Emits no more, and waits until everything is acknowledged: nothing dropped, nothing pending. */
  finish(): Promise<void>;
  /** After `finish`: waits for the ledger, re-verifies it, and compares its totals with the count, byte for byte. */
  expectExactLedger(nc: NatsConnection, timeoutMs?: number): Promise<CheckedLedger>;
  /** The same by the commands `usage --all` and `verify --all`. */
  expectExactBill(): Promise<void>;
}

export interface BilledLoadOptions {
  readonly url: string;
  readonly settings: Settings;
  readonly publisher?: Partial<PublisherOptions>;
  /** @default 37 */
  readonly organizations?: number;
}

export function billedLoad({ url, settings, publisher: options, organizations = 37 }: BilledLoadOptions): BilledLoad {
  const publisher = createPublisher({
    source: '//test',
    servers: url.split(','),
    subjectPrefix: settings.auditPrefix,
    logger,
    ...options,
  });
  const count = createCount();
  let made = 0;
  let timer: NodeJS.Timeout | undefined;

  function emitOne(): void {
    const i = made++;
    const orgid = `org-${(i * i) % organizations}`;
    const bytes = (i * 7919) % 1_000_003;
    const kind = (['upload', 'download', 'deduplicated'] as const)[i % 3] ?? 'upload';
    const data = { orgid, digest: digestOf(String(i)), size_bytes: bytes };
    publisher.emit(
      kind === 'download' ? artifactDownloaded(data) : artifactUploaded({ ...data, skipped: kind === 'deduplicated' }),
    );
    count.add({ orgid, kind, bytes });
  }

  return {
    publisher,
    get made() {
      return made;
    },
    emit(events, maxPending = 10_000) {
      for (let i = 0; i < events && publisher.stats().pending < maxPending; i++) emitOne();
    },
    start(perSecond) {
      clearInterval(timer);
      const from = made;
      const since = performance.now();
      timer = setInterval(() => {
        const due = from + ((performance.now() - since) * perSecond) / 1000;
        while (made < due) emitOne();
      }, 10);
    },
    async finish() {
      clearInterval(timer);
      await publisher.flush(PATIENT);
      expect(publisher.stats()).toMatchObject({ emitted: made, acked: made, pending: 0 });
    },
    async expectExactLedger(nc, timeoutMs) {
      await caughtUp(nc, settings, timeoutMs);
      const ledger = await checkLedger(nc, settings);
      expect(ledger.totals).toEqual(count.totals());
      return ledger;
    },
    async expectExactBill() {
      const environment = environmentOf(url, settings);
      const usage = await waybill(['usage', '--all', '--format', 'json'], environment);
      expect(usage.stderr).toBe('');
      const { organizations: rows } = JSON.parse(usage.stdout) as { organizations: Record<string, unknown>[] };
      const bill = new Map(
        rows.map(({ orgid, events, uploads, downloads, deduplicated }) => [
          orgid,
          { events, uploads, downloads, deduplicated },
        ]),
      );
      expect(bill).toEqual(count.totals());
      const verdict = await waybill(['verify', '--all', '--json'], environment);
      expect(JSON.parse(verdict.stdout)).toMatchObject({ verdict: 'ok' });
      expect(verdict.code).toBe(0);
    },
    async [Symbol.asyncDispose]() {
      clearInterval(timer);
      await publisher.close({ timeoutMs: 100 });
    },
  };
}
