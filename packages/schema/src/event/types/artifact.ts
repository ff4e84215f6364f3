/** The built-in event types of artifacts that were transferred, or that were already in place. */
import * as z from 'zod';
import { flag, integer, matching } from '../data-rule.ts';
import { defineEvent } from '../define-event.ts';
import { displayText } from '../fitting-text.ts';
import { DIGEST_PATTERN, DOWNLOADED_TYPE, UPLOADED_TYPE } from '../transfer.ts';

const artifact = {
  /** `sha256:` and 64 lower-case hexadecimal characters. */
  digest: matching(DIGEST_PATTERN, 'sha256: and 64 lower-case hexadecimal characters'),
  /** Bytes of the artifact. Absent when unknown; 0 is a known size. */
  size_bytes: integer(0).optional(),
  file_name: displayText(1024).optional(),
  /** Where it is stored, e.g. `OCI` or `S3`. */
  backend_type: displayText(64).optional(),
  /** Only with `outcome: failure`: the bytes that had been transferred when it failed. They are billed. */
  transferred_bytes: integer(0).optional(),
};

/** An artifact was stored. With `skipped: true` it was in the store already, and nothing was transferred. */
export const artifactUploaded = defineEvent({
  type: UPLOADED_TYPE,
  data: z.looseObject({ ...artifact, skipped: flag().optional() }),
});

/** An artifact was handed out. */
export const artifactDownloaded = defineEvent({
  type: DOWNLOADED_TYPE,
  data: z.looseObject(artifact),
});

export const ARTIFACT_EVENTS = [artifactUploaded, artifactDownloaded] as const;
