import { artifactUploaded, createPublisher } from '@waybill/publisher';

// Connects in the background. Without NATS_URL it does nothing, and says so once.
const audit = createPublisher({ source: '//cas.example/artifact-cas', servers: process.env['NATS_URL'] });

const digest = `sha256:${'a'.repeat(64)}`;
const who = { orgid: 'acme', actortype: 'USER', actorid: 'u-7' } as const;

// Never throws and never waits: while NATS is away, events wait in a bounded queue.
audit.emit(artifactUploaded({ ...who, digest, size_bytes: 1_048_576 }));
audit.emit(artifactUploaded({ ...who, digest, skipped: true }));

const { acked, lost } = await audit.close({ timeoutMs: 5_000 });
console.log(`${acked} stored, ${lost} lost`);
