/**
 * Chainloop, as far as a consumer of its events can tell: it owns a stream, and publishes on subjects without an
 * organization.
 */
import { DiscardPolicy, jetstreamManager, RetentionPolicy, StorageType, type StreamConfig } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/nats-core';
import type { Settings } from '@waybill/consumer';
import { createHash, randomUUID } from 'node:crypto';
import { chainloopEvent, type MadeEvent } from './traffic.ts';
import { uniqueName } from './unique-name.ts';

export interface OwnerStream {
  /** As the server has it. */
  readonly config: StreamConfig;
  create(): Promise<void>;
  remove(): Promise<void>;
  update(change: Partial<StreamConfig>): Promise<void>;
}

/** Chainloop's stream, with a name and subjects of its own, since a server may be shared by tests. */
export async function ownerStream(nc: NatsConnection, change: Partial<StreamConfig> = {}): Promise<OwnerStream> {
  const tag = uniqueName();
  const manager = await jetstreamManager(nc);
  const wanted = {
    name: `chainloop-audit-${tag}`,
    subjects: [`audit_${tag}.>`],
    retention: RetentionPolicy.Limits,
    storage: StorageType.File,
    discard: DiscardPolicy.Old,
    ...change,
  };
  let { config } = await manager.streams.add(wanted);
  return {
    get config() {
      return config;
    },
    async create() {
      ({ config } = await manager.streams.add(wanted));
    },
    async remove() {
      await manager.streams.delete(wanted.name);
    },
    async update(changed) {
      ({ config } = await manager.streams.update(wanted.name, { ...config, ...changed }));
    },
  };
}

/** A ledger of its own for that stream. */
export function boundSettings({ name, subjects }: StreamConfig): Settings {
  const tag = uniqueName();
  return {
    auditStream: name,
    auditPrefix: (subjects[0] as string).replace('.>', ''),
    ledgerStream: `LEDGER_${tag}`,
    ledgerPrefix: `ledger_${tag}`,
    controlPrefix: `control_${tag}`,
  };
}

export interface Traffic {
  readonly events: readonly MadeEvent[];
  /** Of one organization's uploads and downloads among the first `count` events. */
  bytes(orgid: string, count?: number): number;
}

const ORGANIZATIONS = ['1089bb36-e27b-428b-8009-d015c8737c54', '3a2b1c00-0000-4000-8000-000000000001', 'acme'];

/**
 * Uploads and downloads in Chainloop's shape, some skipped ones of unknown size, and now and then an event of another
 * kind.
 */
export function chainloopTraffic(settings: Settings, count: number): Traffic {
  const uploaded = new Map<string, string>();
  const made = Array.from({ length: count }, (_, i) => {
    const orgid = ORGANIZATIONS[i % 3] as string;
    const isOther = i % 10 === 9;
    const skipped = i % 10 === 8;
    // Go writes 0 for a size that it does not know.
    const bytes = isOther || skipped ? 0 : i + 1;
    const digest = (skipped && uploaded.get(orgid)) || createHash('sha256').update(randomUUID()).digest('hex');
    if (i % 2 === 0) uploaded.set(orgid, digest);
    const [TargetType, ActionType] = isOther
      ? ['Organization', 'OrganizationCreated']
      : ['CASArtifact', i % 2 ? 'CASArtifactDownloaded' : 'CASArtifactUploaded'];
    const data = {
      ActionType,
      TargetType,
      TargetID: null,
      ActorType: 'API_TOKEN',
      ActorID: randomUUID(),
      ActorEmail: '',
      ActorName: 'ci',
      OrgID: orgid,
      Description: 'made up',
      Info: isOther
        ? { name: 'made up' }
        : { digest, size_bytes: bytes, file_name: 'sbom.json', backend_type: 'OCI', skipped },
      Digest: `sha256:${digest}`,
    } as const;
    return { orgid, bytes, event: chainloopEvent(settings, data) };
  });
  return {
    events: made.map(({ event }) => event),
    bytes: (orgid, among = count) =>
      made.slice(0, among).reduce((sum, one) => sum + (one.orgid === orgid ? one.bytes : 0), 0),
  };
}
