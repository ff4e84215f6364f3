/** Checks the data of events by the schemas of their types. */
import { kindOf, SchemaError } from '../error.ts';
import type { AnyEventDefinition } from '../event/define-event.ts';
import { notAnEvent } from '../event/event.ts';
import { ARTIFACT_EVENTS } from '../event/types/artifact.ts';
import { BUILT_IN_EVENTS } from '../event/types/built-in.ts';
import { isJsonObject, type Json } from '../json/json.ts';
import { BUILT_IN_DATA, checkBuiltInData, isKnownArtifactData } from './built-in-data.ts';
import { NO_RULES, type TypeRules, typeRules } from './type-rules.ts';

/** Accepts any object as the data of a type that it does not know. */
export interface DataCheck {
  /**
   * @param data what the event has; other publishers may send anything, or nothing
   * @param outcome that of the event
   * @throws SchemaError NOT_AN_EVENT
   */
  (type: string, data: Json | undefined, outcome: Json | undefined): void;
  /** The artifact types whose only schema is the built-in one. Data that it accepted is not checked again. */
  readonly artifacts?: ReadonlySet<string>;
  /** What the publisher does with an event of this type before it is published. */
  rulesOf(type: string): TypeRules;
}

/**
 * The check for these types and the built-in ones. A definition of a built-in type adds to the built-in schema and
 * never replaces it: the format says what a message of such a type is.
 */
export function createDataCheck(definitions: readonly AnyEventDefinition[] = []): DataCheck {
  const own = new Map(definitions.filter((d) => BUILT_IN_DATA.get(d.type) !== d.data).map((d) => [d.type, d.data]));
  const artifacts = new Set<string>(ARTIFACT_EVENTS.map(({ type }) => type).filter((type) => !own.has(type)));
  const check = (type: string, data: Json | undefined, outcome: Json | undefined): void => {
    if (artifacts.has(type) && isJsonObject(data) && isKnownArtifactData(data)) return;
    checkBuiltInData(type, data, outcome);
    const more = own.get(type);
    if (!more) return;
    // The words of a service's own schema are the service's or zod's, so the rule names the schema only.
    const rule = 'data: what the schema of its type says';
    if (!isJsonObject(data)) {
      throw new SchemaError('NOT_AN_EVENT', `data is ${kindOf(data)}: expected an object`, { rule });
    }
    const result = more.safeParse(data);
    if (!result.success) throw notAnEvent(result.error, data, { prefix: ['data'], rule });
  };
  const rules = new Map(
    [...BUILT_IN_EVENTS, ...definitions].map((one) => [one.type, typeRules(one, artifacts.has(one.type))]),
  );
  return Object.assign(check, { artifacts, rulesOf: (type: string) => rules.get(type) ?? NO_RULES });
}
