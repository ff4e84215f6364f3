/** Stamps events for sinks without a publisher's queue, with the same intake, numbers, checks and signatures. */
import { type AnyEventDefinition, type Event, formatEventSubject } from '@waybill/schema';
import { createDataCheck, producerClosed, stampEvent } from '@waybill/schema/internal';
import { createClock } from '../clock.ts';
import type { Drop } from '../drop.ts';
import type { EventInput } from '../event-input.ts';
import type { Signer } from '../signing-identity.ts';
import { createNameCheck } from './field-names.ts';
import { createIntake } from './intake.ts';
import { createNumbering } from './numbering.ts';
import { stampFault } from './stamp-fault.ts';
import { createUuidV7 } from './uuid.ts';

export interface StamperOptions {
  /** URI-reference of the emitting service, e.g. `//cas.example/artifact-cas`. */
  readonly source: string;
  /** Event types to allow besides the built-in ones. */
  readonly events?: readonly AnyEventDefinition[];
  /** The only event types to take, built-in ones and those in `events`. Default: all of them. */
  readonly allowTypes?: readonly string[] | undefined;
  /** Signs every event. Without a key, events are not signed. */
  readonly signer?: Signer;
  /** The time of events in Unix milliseconds. */
  readonly clock?: () => number;
}

export type Stamped =
  | {
      readonly ok: true;
      readonly orgid: string;
      readonly event: Event;
      /** RFC 8785 text. */
      readonly text: string;
      readonly subject: string;
    }
  | { readonly ok: false; readonly drop: Drop };

export interface Stamper {
  allows(type: string): boolean;
  /** Never throws. */
  stamp(input: EventInput): Stamped;
  /** One `producer.closed` for each organization that got a number. Nothing may be stamped meanwhile, or after it. */
  ends(): Generator<Stamped>;
}

/**
 * @param misspelt called once for each field that its type does not have, if the type has one with nearly the same name
 */
export function createStamper(
  { source, events = [], allowTypes, signer, clock = Date.now }: StamperOptions,
  misspelt: (type: string, name: string, meant: string) => void = () => {},
): Stamper {
  const newId = createUuidV7();
  const checkData = createDataCheck(events);
  const checkNames = createNameCheck(checkData.rulesOf, misspelt);
  const now = createClock(clock);
  const intake = createIntake({ definitions: events, allowTypes, rulesOf: checkData.rulesOf });
  const numbering = createNumbering(newId(now()));

  function stampTaken(type: string, orgid: string, fields: Parameters<typeof stampEvent>[1]): Stamped {
    const producerseq = String(numbering.take(orgid));
    const timeMs = now();
    const identity = signer?.peek();
    try {
      const { event, text } = stampEvent(
        type,
        fields,
        {
          id: newId(timeMs),
          source,
          time: new Date(timeMs).toISOString(),
          producer: numbering.producer,
          producerseq,
          ...(identity && { keyid: identity.keyid, sign: identity.sign }),
        },
        checkData,
      );
      return { ok: true, orgid, event, text, subject: formatEventSubject({ type, orgid }) };
    } catch (cause) {
      return { ok: false, drop: { ...stampFault(cause), type, orgid, producerseq } };
    }
  }

  return {
    allows: (type) => intake.allows(type),
    *ends() {
      const organizations = numbering.organizations();
      for (let next = organizations.next(); !next.done; next = organizations.next()) {
        yield stampTaken(producerClosed.type, next.value, producerClosed({ orgid: next.value }).fields);
      }
    },
    stamp(input) {
      const taken = intake.take(input);
      if (!taken.ok) {
        // The missing number proves the loss.
        if (taken.drop.orgid !== undefined) numbering.take(taken.drop.orgid);
        return taken;
      }
      const { type, orgid, fields } = taken;
      checkNames(type, fields);
      return stampTaken(type, orgid, fields);
    },
  };
}
