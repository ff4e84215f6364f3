/**
 * The `event/` room: what makes an event out of what a service hands over. It copies and checks fields, and gives ids
 * and numbers. Disks, connections and queues never come in here.
 *
 * This file is the front of `emit`: from the service's object to a copy of our own, or to the reason why it is no
 * event.
 */
import type { AnyEventDefinition, EventDraft } from '@waybill/schema';
import { BUILT_IN_EVENTS, type DataCheck, isEventOrgid, kindOf, ORGID_PATTERN } from '@waybill/schema/internal';
import { addContext } from '../context.ts';
import type { Drop } from '../drop.ts';
import { PublisherError } from '../error.ts';
import type { EventInput } from '../event-input.ts';
import { defuse } from '../foreign-code.ts';
import { copyFields } from './copy.ts';

type Taken =
  | {
      readonly ok: true;
      readonly type: string;
      readonly orgid: string;
      readonly fields: Record<string, unknown>;
      readonly bytes: number;
      readonly wide: number;
    }
  | { readonly ok: false; readonly drop: Drop };

export interface Intake {
  allows(type: string): boolean;
  /** Never throws. A drop that has an `orgid` has a valid one; the caller takes a number for it. */
  take(input: EventInput): Taken;
}

export interface IntakeOptions {
  readonly definitions: readonly AnyEventDefinition[] | undefined;
  /** The only types to take, of the built-in ones and those in `definitions`. Default: all of them. */
  readonly allowTypes: readonly string[] | undefined;
  readonly rulesOf: DataCheck['rulesOf'];
  /** Whether an organization has had events before. Its id is valid then. */
  readonly isNumbered?: (orgid: string) => boolean;
}

/** For callers who hand over an object of their own. */
const MAKE_IT = 'make it by calling its type, as artifactUploaded({ orgid, … })';

/** @throws PublisherError INVALID_OPTIONS for a type in `allowTypes` that nobody has defined */
export function allowedTypes({
  definitions = [],
  allowTypes,
}: Pick<IntakeOptions, 'definitions' | 'allowTypes'>): ReadonlySet<unknown> {
  const defined = new Set([...BUILT_IN_EVENTS, ...definitions].map(({ type }) => type));
  if (allowTypes === undefined) return defined;
  for (const type of allowTypes) {
    if (defined.has(type)) continue;
    throw new PublisherError('INVALID_OPTIONS', `allowTypes: ${type} is neither built in nor in the option events`);
  }
  return new Set(allowTypes);
}

/** @throws PublisherError INVALID_OPTIONS for a type in `allowTypes` that nobody has defined */
export function createIntake(options: IntakeOptions): Intake {
  const { rulesOf, isNumbered = () => false } = options;
  const allowed = allowedTypes(options);

  return {
    allows: (type) => allowed.has(type),
    take(input) {
      let draft: unknown = input;
      if (typeof input === 'function') {
        try {
          draft = input();
        } catch (cause) {
          return refuse({ reason: 'builder_threw', detail: 'the function that makes the event threw', cause });
        }
        defuse(draft);
      }
      let type: unknown;
      let fields: unknown;
      try {
        type = (draft as EventDraft).type;
        // Before any field is read.
        if (!allowed.has(type)) return notAllowed(type);
        fields = (draft as EventDraft).fields;
      } catch (cause) {
        return refuse({ reason: 'invalid', detail: `not an event: ${MAKE_IT}`, cause });
      }
      if (fields === undefined)
        return refuse({ reason: 'invalid', detail: `the event has no fields: ${MAKE_IT}`, type: type as string });
      const copied = copyFields(fields, rulesOf(type as string));
      if (!copied.ok) {
        const { reason, detail, cause } = copied;
        const orgid = readOrgid(fields);
        return refuse({ reason, detail, type: type as string, cause, ...(orgid !== null && { orgid }) });
      }
      const { orgid } = copied.fields;
      if (typeof orgid !== 'string' || !(isNumbered(orgid) || isEventOrgid(orgid))) {
        return refuse({
          reason: 'invalid',
          detail: faultOfOrgid(copied.fields, rulesOf(type as string).meant),
          type: type as string,
        });
      }
      addContext(copied.fields);
      return { ok: true, type: type as string, orgid, fields: copied.fields, bytes: copied.bytes, wide: copied.wide };
    },
  };
}

function notAllowed(type: unknown): Taken {
  if (typeof type !== 'string')
    return refuse({ reason: 'invalid', detail: `not an event: its type is no string; ${MAKE_IT}` });
  return refuse({
    reason: 'type_not_allowed',
    detail: 'the type is not among the allowed ones',
    type: type.slice(0, 129),
  });
}

function faultOfOrgid(fields: Readonly<Record<string, unknown>>, meant: (name: string) => string | null): string {
  const { orgid } = fields;
  if (orgid === undefined || orgid === null) {
    const misspelt = Object.keys(fields).find((name) => meant(name) === 'orgid');
    return `orgid is missing${misspelt === undefined ? '' : `; there is no field ${misspelt}`}`;
  }
  return `orgid is ${kindOf(orgid)}: expected ${ORGID_PATTERN.source}`;
}

function refuse(drop: Drop): Taken {
  return { ok: false, drop };
}

/** Fields that could not be copied may still have a readable `orgid`. */
function readOrgid(fields: unknown): string | null {
  try {
    const { orgid } = fields as { orgid?: unknown };
    return typeof orgid === 'string' && isEventOrgid(orgid) ? orgid : null;
  } catch {
    return null;
  }
}
