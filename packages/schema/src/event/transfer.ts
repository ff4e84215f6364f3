/** The bytes that an event says were transferred, in either dialect. An entry's `volume` is derived from them. */
import { isJsonObject, type Json, type JsonObject } from '../json/json.ts';
import { isChainloop } from './chainloop.ts';
import { ownerOf } from './owner.ts';
import { UNATTRIBUTED_CHAIN } from './subject.ts';

/** The types of the events that transfer bytes. */
export const UPLOADED_TYPE = 'casartifact.uploaded';
export const DOWNLOADED_TYPE = 'casartifact.downloaded';

export const DIGEST_PATTERN = /^sha256:[0-9a-f]{64}$/;

export interface Transfer {
  readonly kind: 'upload' | 'download' | 'deduplicated';
  /** `sha256:<hex>`. */
  readonly digest: string;
  /** An integer from 0 to 2^53-1; null when the event does not know it. */
  readonly bytes: number | null;
  /** It failed after these bytes. They do not tell the size of the artifact. */
  readonly failed?: true;
}

/**
 * The transfer of an event that passed its checks; null: it transferred nothing that counts. Total: it does not throw,
 * whatever it is given.
 */
export function transferOf(event: Json): Transfer | null {
  if (!isJsonObject(event)) return null;
  // Nobody is billed for that chain.
  if (ownerOf(event) === UNATTRIBUTED_CHAIN) return null;
  if (isChainloop(event)) return chainloopTransfer(event['Data']);
  const { type, data, outcome } = event;
  if (!isJsonObject(data)) return null;
  const kind = transferKind(type, data);
  if (kind === null) return null;
  return outcome === 'failure' ? failedTransfer(kind, data) : transfer(kind, data['digest'], data['size_bytes']);
}

function transferKind(type: Json | undefined, { skipped }: JsonObject): Transfer['kind'] | null {
  if (type === DOWNLOADED_TYPE) return 'download';
  if (type !== UPLOADED_TYPE) return null;
  return skipped === true ? 'deduplicated' : 'upload';
}

/** The transferred bytes are billed. When the event does not state them, or the upload was skipped, nothing is. */
function failedTransfer(kind: Transfer['kind'], { digest, transferred_bytes }: JsonObject): Transfer | null {
  if (kind === 'deduplicated' || sizeOf(transferred_bytes) === null) return null;
  return { ...transfer(kind, digest, transferred_bytes), failed: true };
}

/** SHA-256 of no bytes: the digest of the only artifact whose size is 0. */
const EMPTY_DIGEST = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';

function chainloopTransfer(data: Json | undefined): Transfer | null {
  if (!isJsonObject(data) || data['TargetType'] !== 'CASArtifact') return null;
  const info = data['Info'];
  if (!isJsonObject(info)) return null;
  const { digest } = info;
  const kind = chainloopKind(data['ActionType'], info);
  if (kind === null) return null;
  // Chainloop writes an unknown size as 0 ("SizeBytes: 0 when unknown"). Content with another digest is not empty, and
  // a skipped upload never looked at the content.
  const unknown = info['size_bytes'] === 0 && (kind === 'deduplicated' || digest !== EMPTY_DIGEST);
  return transfer(
    kind,
    typeof digest === 'string' ? `sha256:${digest}` : undefined,
    unknown ? undefined : info['size_bytes'],
  );
}

function chainloopKind(action: Json | undefined, info: JsonObject): Transfer['kind'] | null {
  if (action === 'CASArtifactDownloaded') return 'download';
  if (action !== 'CASArtifactUploaded') return null;
  return info['skipped'] === true ? 'deduplicated' : 'upload';
}

function transfer(kind: Transfer['kind'], digest: Json | undefined, bytes: Json | undefined): Transfer {
  return { kind, digest: typeof digest === 'string' ? digest : '', bytes: sizeOf(bytes) };
}

/** null for a value that is no size. The event of a forged entry may hold any value. */
function sizeOf(value: Json | undefined): number | null {
  return Number.isSafeInteger(value) && (value as number) >= 0 ? (value as number) : null;
}
