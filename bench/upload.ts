/** The event that publishers are measured with: an upload as an artifact store reports it. */
import { artifactUploaded } from '@waybill/publisher';
import { createDataCheck, stampEvent } from '@waybill/schema/internal';

export const SOURCE = '//cas.example/artifact-cas';
const ID = '0197c0de-0000-7000-8000-000000000002';

export const fieldsOf = (n: number) => ({
  orgid: `org-${n % 10}`,
  actortype: 'API_TOKEN' as const,
  actorid: '0197c0de-0000-7000-8000-000000000001',
  digest: `sha256:${n.toString(16).padStart(64, '0')}`,
  size_bytes: 1_048_576 + n,
  file_name: 'sbom.cyclonedx.json',
  backend_type: 'OCI',
  skipped: false,
});

const check = createDataCheck();

/** The event and its text, as a publisher makes them. */
export function stamp(n: number, more: { keyid?: string } = {}) {
  const time = new Date().toISOString();
  const when = { id: ID, source: SOURCE, time, producer: ID, producerseq: String(n + 1), ...more };
  return stampEvent(artifactUploaded.type, fieldsOf(n), when, check);
}
