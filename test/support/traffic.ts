/** Made-up traffic, and the count of it that a ledger has to come to. */
import { jetstream, jetstreamManager, RetentionPolicy, StorageType, DiscardPolicy } from '@nats-io/jetstream';
import { headers, type NatsConnection } from '@nats-io/nats-core';
import type { Settings } from '@waybill/consumer';
import { formatEventSubject, type Totals } from '@waybill/schema';
import { createHash, randomUUID } from 'node:crypto';
import { WAIT_MS } from './time.ts';
import { uniqueName } from './unique-name.ts';

export interface MadeEvent {
  readonly subject: string;
  readonly payload: string;
  readonly id: string;
}

/** Streams with names and subjects of their own, made with the official client and as little configuration as works. */
export async function makeStreams(nc: NatsConnection, dedupeMs = 120_000, replicas = 1): Promise<Settings> {
  const tag = uniqueName();
  const settings = {
    auditStream: `AUDIT_${tag}`,
    ledgerStream: `LEDGER_${tag}`,
    auditPrefix: `audit_${tag}`,
    ledgerPrefix: `ledger_${tag}`,
    controlPrefix: `control_${tag}`,
  };
  const manager = await jetstreamManager(nc, { checkAPI: false });
  const common = {
    retention: RetentionPolicy.Limits,
    storage: StorageType.File,
    discard: DiscardPolicy.New,
    allow_direct: true,
    num_replicas: replicas,
  };
  await manager.streams.add({
    ...common,
    name: settings.auditStream,
    subjects: [`${settings.auditPrefix}.>`, `${settings.controlPrefix}.>`],
    duplicate_window: dedupeMs * 1e6,
  });
  await manager.streams.add({ ...common, name: settings.ledgerStream, subjects: [`${settings.ledgerPrefix}.*`] });
  return settings;
}

/** A UUIDv7 with a random time. */
export function uuid(): string {
  return `${randomUUID().slice(0, 14)}7${randomUUID().slice(15)}`;
}

export function digestOf(text: string): string {
  return `sha256:${createHash('sha256').update(text).digest('hex')}`;
}

export interface ArtifactFields {
  orgid: string;
  kind: 'upload' | 'download' | 'deduplicated';
  digest?: string;
  bytes?: number;
  /** Extra attributes. */
  attributes?: Record<string, unknown>;
}

export function artifactEvent(
  settings: Settings,
  { orgid, kind, digest = digestOf(uuid()), bytes, attributes }: ArtifactFields,
): MadeEvent {
  const type = kind === 'download' ? 'casartifact.downloaded' : 'casartifact.uploaded';
  const id = uuid();
  const data = {
    digest,
    ...(bytes !== undefined && { size_bytes: bytes }),
    ...(kind === 'deduplicated' && { skipped: true }),
  };
  const event = {
    specversion: '1.0',
    id,
    source: '//test',
    type,
    time: new Date().toISOString(),
    orgid,
    ...attributes,
    data,
  };
  return { subject: formatEventSubject({ type, orgid }, settings.auditPrefix), payload: JSON.stringify(event), id };
}

/** An event as Chainloop publishes it. */
export function chainloopEvent(settings: Settings, data: { TargetType: string; ActionType: string }): MadeEvent {
  const payload = { EventType: 'AUDIT_EVENT', Timestamp: new Date().toISOString(), Data: data };
  const subject = `${settings.auditPrefix}.${data.TargetType}.${data.ActionType}`.toLowerCase();
  return { subject, payload: JSON.stringify(payload), id: uuid() };
}

/** Publishes in order, acknowledged, with the id as `Nats-Msg-Id`. */
export async function publishAll(nc: NatsConnection, events: Iterable<MadeEvent>): Promise<void> {
  const js = jetstream(nc);
  let window: Promise<unknown>[] = [];
  for (const { subject, payload, id } of events) {
    const h = headers();
    h.set('Nats-Msg-Id', id);
    window.push(js.publish(subject, payload, { headers: h, timeout: WAIT_MS }));
    if (window.length >= 512) {
      await Promise.all(window);
      window = [];
    }
  }
  await Promise.all(window);
}

/** Counts as a bill would, in its own few lines: nothing here is shared with the ledger's arithmetic. */
export function createCount(): { add(fields: ArtifactFields): void; totals(): Map<string, Totals> } {
  const tallies = new Map<string, Record<ArtifactFields['kind'], { count: bigint; bytes: bigint; unknown: bigint }>>();
  const none = () => ({ count: 0n, bytes: 0n, unknown: 0n });
  return {
    add({ orgid, kind, bytes }) {
      const tally = tallies.get(orgid) ?? { upload: none(), download: none(), deduplicated: none() };
      tallies.set(orgid, tally);
      tally[kind].count++;
      if (bytes === undefined) tally[kind].unknown++;
      else tally[kind].bytes += BigInt(bytes);
    },
    totals() {
      return new Map(
        [...tallies].map(([orgid, { upload, download, deduplicated }]) => {
          const print = (t: ReturnType<typeof none>) => ({
            count: `${t.count}`,
            bytes: `${t.bytes}`,
            unknown: `${t.unknown}`,
          });
          const events = `${upload.count + download.count + deduplicated.count}`;
          return [
            orgid,
            { events, uploads: print(upload), downloads: print(download), deduplicated: print(deduplicated) },
          ];
        }),
      );
    },
  };
}
