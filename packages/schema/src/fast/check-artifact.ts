/**
 * The schemas of artifact events by hand, faster than zod. Data that passes here satisfies them. Of other data nothing
 * is said, and the schema (`event/types/artifact.ts`) decides. `check-artifact.test.ts` holds the two together.
 */
import { hasLength } from '../event/text-rule.ts';
import { DIGEST_PATTERN } from '../event/transfer.ts';
import type { Json, JsonObject } from '../json/json.ts';

export function isCertainlyArtifactData(data: JsonObject): boolean {
  const { digest, size_bytes, file_name, backend_type, skipped, transferred_bytes } = data;
  return (
    typeof digest === 'string' &&
    DIGEST_PATTERN.test(digest) &&
    transferred_bytes === undefined &&
    (size_bytes === undefined || (Number.isSafeInteger(size_bytes) && (size_bytes as number) >= 0)) &&
    isText(file_name, 1024) &&
    isText(backend_type, 64) &&
    (skipped === undefined || typeof skipped === 'boolean') &&
    hasSimpleMembers(data)
  );
}

/** The plain way changes what is undefined in objects and arrays. */
function hasSimpleMembers(data: JsonObject): boolean {
  for (const name in data) {
    const value = data[name];
    if (typeof value === 'object' && value !== null) return false;
  }
  return true;
}

function isText(value: Json | undefined, max: number): boolean {
  return value === undefined || (typeof value === 'string' && hasLength(value, 1, max));
}
