/** What an event says about bytes that moved, in either dialect; the input of `volume` in an entry. */
import { artifactDownloaded, artifactUploaded } from './artifact.ts';
import { isChainloop } from './chainloop.ts';
import { isJsonObject, type Json, type JsonObject } from './json.ts';

export interface Transfer {
  readonly kind: 'upload' | 'download' | 'deduplicated';
  /** `sha256:<hex>`. */
  readonly digest: string;
  /** null when the event does not know it. */
  readonly bytes: number | null;
  /** It failed: its size says nothing about the artifact. */
  readonly failed?: true;
}

/** Reads an event that passed its checks. null: it moved nothing. Total: whatever it is given, it does not throw. */
export function transferOf(event: Json): Transfer | null {
  if (!isJsonObject(event)) return null;
  if (isChainloop(event)) return chainloopTransfer(event['Data']);
  const data = event['data'];
  if (!isJsonObject(data)) return null;
  if (event['type'] === artifactDownloaded.type) return transfer('download', data['digest'], data['size_bytes']);
  if (event['type'] !== artifactUploaded.type) return null;
  return transfer(data['skipped'] === true ? 'deduplicated' : 'upload', data['digest'], data['size_bytes']);
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
  return { kind, digest: typeof digest === 'string' ? digest : '', bytes: typeof bytes === 'number' ? bytes : null };
}
