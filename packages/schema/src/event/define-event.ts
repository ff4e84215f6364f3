import type * as z from 'zod';
import { faultOfOptions, type KnownOptions } from '../config/known-options.ts';
import { SchemaError, show } from '../error.ts';
import { beyondJson } from './beyond-json.ts';
import { ATTRIBUTE_NAMES, type EventAttributes } from './event.ts';
import { EVENT_TYPE_PATTERN, isBatchType } from './subject.ts';

/** Attributes and data members side by side, as a service gives them. A member that is undefined counts as absent. */
export type EventFields<Data> = EventAttributes & Data & { /** When it happened, if not now. */ readonly time?: Date };

/**
 * The argument of `emit`. Making a draft does not read `fields`, so it cannot throw in the code of the service. The
 * publisher copies, checks and stamps it (`stampEvent`).
 */
export interface EventDraft<Type extends string = string, Fields = unknown> {
  readonly type: Type;
  readonly fields: Fields;
}

/**
 * An event type. Call it to make a draft; pass it to `createPublisher({ events })` to permit it. Its type parameters
 * tell a reader of the event the literal type and the shape of `data`.
 */
export interface EventDefinition<Type extends string = string, Shape extends z.ZodRawShape = z.ZodRawShape> {
  (fields: EventFields<z.input<z.ZodObject<Shape>>>): EventDraft<Type, EventFields<z.input<z.ZodObject<Shape>>>>;
  readonly type: Type;
  /** The schema of `data`. */
  readonly data: z.ZodObject<Shape>;
  readonly actorRequired: boolean;
}

/** Any definition, for lists of them. */
export interface AnyEventDefinition {
  readonly type: string;
  readonly data: z.ZodObject;
  readonly actorRequired?: boolean;
}

const OPTIONS: KnownOptions<AnyEventDefinition> = { type: true, data: true, actorRequired: true };

/**
 * Defines an event type. Attributes and data members are given side by side when an event is made, so no data member
 * may have the name of an attribute.
 *
 *     const releaseApproved = defineEvent({ type: 'release.approved', data: z.object({ version: z.string() }) });
 *     audit.emit(releaseApproved({ orgid: 'acme', version: '1.2.0' }));
 *
 * The publisher publishes what `data` returns: it leaves out what zod strips, and publishes what zod transforms
 * transformed. For a text that only people read use `displayText(max)`: a longer one is cut, and does not cost the
 * event.
 *
 * @throws SchemaError BAD_DEFINITION when the type is defined, never when an event is made
 */
export function defineEvent<const Type extends string, Shape extends z.ZodRawShape>(definition: {
  readonly type: Type;
  readonly data: z.ZodObject<Shape>;
  /** The publisher refuses events that do not say who acted: `actortype`, and unless that is `SYSTEM`, `actorid`. */
  readonly actorRequired?: boolean;
}): EventDefinition<Type, Shape> {
  const fault = faultOfOptions(definition, OPTIONS);
  if (fault !== null) throw new SchemaError('BAD_DEFINITION', `defineEvent: ${fault}`);
  const { type, data, actorRequired = false } = definition;
  if (!EVENT_TYPE_PATTERN.test(type)) {
    throw new SchemaError('BAD_DEFINITION', `type ${show(type)}: expected ${EVENT_TYPE_PATTERN.source}`);
  }
  if (isBatchType(type)) {
    throw new SchemaError('BAD_DEFINITION', `type ${show(type)}: the action batch is reserved for several events`);
  }
  for (const member of Object.keys(data.shape)) {
    if (ATTRIBUTE_NAMES.has(member)) {
      throw new SchemaError('BAD_DEFINITION', `${type}: data member ${show(member)} has the name of an attribute`);
    }
  }
  const found = beyondJson(data);
  if (found !== null) throw new SchemaError('BAD_DEFINITION', `${type}: ${found} is nothing that JSON can say`);

  const draft = (fields: unknown): EventDraft => ({ type, fields });
  return Object.assign(draft, { type, data, actorRequired }) as unknown as EventDefinition<Type, Shape>;
}
