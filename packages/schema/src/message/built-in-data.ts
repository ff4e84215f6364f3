/** The format's rules for the data of built-in types. They hold whoever wrote the event. */
import type * as z from 'zod';
import { refuse } from '../error.ts';
import { notAnEvent } from '../event/event.ts';
import { ARTIFACT_EVENTS } from '../event/types/artifact.ts';
import { BUILT_IN_EVENTS } from '../event/types/built-in.ts';
import { isJsonObject, type Json, type JsonObject } from '../json/json.ts';

/** The schema of each built-in type, by its name. */
export const BUILT_IN_DATA: ReadonlyMap<string, z.ZodObject> = new Map(
  BUILT_IN_EVENTS.map(({ type, data }) => [type, data]),
);

/**
 * Tells whether data certainly satisfies the schemas of artifact events. Of data that it does not know, it says false.
 */
export type ArtifactRecognizer = (data: JsonObject) => boolean;

let recognize: ArtifactRecognizer = () => false;

/** For `fast/install.ts`: data that the recognizer recognizes is accepted without asking the schema. */
export function installArtifactRecognizer(recognizer: ArtifactRecognizer): void {
  recognize = recognizer;
}

export function isKnownArtifactData(data: JsonObject): boolean {
  return recognize(data);
}

/** Accepts any data of a type that is not built in. @throws SchemaError NOT_AN_EVENT, with a fixed rule */
export function checkBuiltInData(type: string, data: Json | undefined, outcome: Json | undefined): void {
  const schema = BUILT_IN_DATA.get(type);
  if (!schema) return;
  if (!isJsonObject(data)) return refuse('data: an object');
  const result = schema.safeParse(data);
  if (!result.success) {
    const [issue] = result.error.issues;
    const rule = `data.${issue?.path.join('.')}: ${issue?.message}`;
    throw notAnEvent(result.error, data, { prefix: ['data'], rule });
  }
  checkTransferred(type, data, outcome);
}

/**
 * `transferred_bytes` is for a transfer that failed: they are billed. One that succeeded is billed by its size.
 *
 * @throws SchemaError NOT_AN_EVENT
 */
export function checkTransferred(type: string, data: JsonObject, outcome: Json | undefined): void {
  if (outcome === 'failure' || data['transferred_bytes'] === undefined) return;
  if (ARTIFACT_EVENTS.some((definition) => definition.type === type)) {
    refuse('data.transferred_bytes: with the outcome failure only');
  }
}
