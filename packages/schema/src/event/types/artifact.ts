/** The built-in event types: artifacts that were moved, or did not have to be. */
import * as z from 'zod';
import { flag, integer, matching } from '../data-rule.ts';
import { defineEvent } from '../define-event.ts';
import { displayText } from '../fitting-text.ts';
import type { Json, JsonObject } from '../../json/json.ts';
import { hasLength } from '../text-rule.ts';

const DIGEST = /^sha256:[0-9a-f]{64}$/;

const artifact = {
  /** `sha256:` and 64 lower-case hexadecimal characters. */
  digest: matching(DIGEST, 'sha256: and 64 lower-case hexadecimal characters'),
  /** Bytes of the artifact; absent when unknown, which is never the same as 0. */
  size_bytes: integer(0).optional(),
  file_name: displayText(1024).optional(),
  /** Where it is stored, e.g. `OCI` or `S3`. */
  backend_type: displayText(64).optional(),
  /** With `outcome: failure` only: the bytes that had been moved when it failed. They are what is billed. */
  transferred_bytes: integer(0).optional(),
};

/** An artifact was stored, or with `skipped: true` was there already and nothing was transferred. */
export const artifactUploaded = defineEvent({
  type: 'casartifact.uploaded',
  data: z.looseObject({ ...artifact, skipped: flag().optional() }),
});

/** An artifact was handed out. */
export const artifactDownloaded = defineEvent({
  type: 'casartifact.downloaded',
  data: z.looseObject(artifact),
});

export const ARTIFACT_EVENTS = [artifactUploaded, artifactDownloaded] as const;

/**
 * Whether data is surely that of an artifact event: their schemas by hand, for the hot path. The schema has the last
 * word on data that this does not know; artifact.test.ts holds it to the schemas.
 */
export function isPlainlyAnArtifact(data: JsonObject): boolean {
  const { digest, size_bytes, file_name, backend_type, skipped, transferred_bytes } = data;
  return (
    typeof digest === 'string' &&
    DIGEST.test(digest) &&
    transferred_bytes === undefined &&
    (size_bytes === undefined || (Number.isSafeInteger(size_bytes) && (size_bytes as number) >= 0)) &&
    isFitting(file_name, 1024) &&
    isFitting(backend_type, 64) &&
    (skipped === undefined || typeof skipped === 'boolean')
  );
}

function isFitting(value: Json | undefined, max: number): boolean {
  return value === undefined || (typeof value === 'string' && hasLength(value, 1, max));
}
