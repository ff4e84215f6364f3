import { connect } from '@nats-io/transport-node';
import { artifactEvent, publishAll } from './support/traffic.ts';
const nc = await connect({ servers: process.env['WAYBILL_NATS_URL']! });
const settings = { auditStream: 'AUDIT', ledgerStream: 'LEDGER', auditPrefix: 'audit', ledgerPrefix: 'ledger' };
const n = Number(process.argv[2]);
const events = Array.from({ length: n }, (_, i) => artifactEvent(settings, { orgid: `org${i % 7}`, kind: (['upload', 'download', 'deduplicated'] as const)[i % 3]!, ...(i % 5 ? { bytes: i } : {}) }));
events[3] = { subject: 'audit.garbage', payload: 'nonsense', id: 'x' };
await publishAll(nc, events);
await nc.close();
