/** What an event says about bytes that moved, in either dialect; the input of `volume` in an entry. */
import { artifactDownloaded, artifactUploaded } from './types/artifact.ts';
import { isChainloop } from './chainloop.ts';
import { isJsonObject, type Json, type JsonObject } from '../json/json.ts';
import { ownerOf } from './owner.ts';
import { UNATTRIBUTED_CHAIN } from './subject.ts';

export interface Transfer {
  readonly kind: 'upload' | 'download' | 'deduplicated';
  /** `sha256:<hex>`. */
  readonly digest: string;
  /** An integer from 0 to 2^53-1; null when the event does not know it. */
  readonly bytes: number | null;
  /** It broke off, and these bytes are what it moved until then: they say nothing about the size of the artifact. */
  readonly failed?: true;
}

/** Reads an event that passed its checks. null: it moved nothing. Total: whatever it is given, it does not throw. */
export function transferOf(event: Json): Transfer | null {
  if (!isJsonObject(event)) return null;
  // Nobody is billed there.
  if (ownerOf(event) === UNATTRIBUTED_CHAIN) return null;
  if (isChainloop(event)) return chainloopTransfer(event['Data']);
  const { type, data, outcome } = event;
  if (!isJsonObject(data)) return null;
  const kind = kindOf(type, data);
  if (kind === null) return null;
  return outcome === 'failure' ? failedTransfer(kind, data) : transfer(kind, data['digest'], data['size_bytes']);
}

function kindOf(type: Json | undefined, { skipped }: JsonObject): Transfer['kind'] | null {
  if (type === artifactDownloaded.type) return 'download';
  if (type !== artifactUploaded.type) return null;
  return skipped === true ? 'deduplicated' : 'upload';
}

/** What had been moved is billed; without a word on it, and of an upload that was skipped, nothing is. */
function failedTransfer(kind: Transfer['kind'], { digest, transferred_bytes }: JsonObject): Transfer | null {
  if (kind === 'deduplicated' || sizeOf(transferred_bytes) === null) return null;
  return { ...transfer(kind, digest, transferred_bytes), failed: true };
}

/** SHA-256 of nothing: the only artifact whose size really is 0. */
const EMPTY_DIGEST = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';

function chainloopTransfer(data: Json | undefined): Transfer | null {
  if (!isJsonObject(data) || data['TargetType'] !== 'CASArtifact') return null;
  const info = data['Info'];
  if (!isJsonObject(info)) return null;
  const { digest } = info;
  const kind = chainloopKind(data['ActionType'], info);
  if (kind === null) return null;
  // Go writes an unknown size as 0 ("SizeBytes: 0 when unknown"). Content of another digest cannot be empty,
  // and a skipped upload never looked at the content.
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

/** A forged entry's event may say anything: what is no size is none. */
function sizeOf(value: Json | undefined): number | null {
  return Number.isSafeInteger(value) && (value as number) >= 0 ? (value as number) : null;
}
