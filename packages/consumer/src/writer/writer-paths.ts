/** The two ways to do what costs the writer most. Both store the same bytes; the plain one is the specification. */
import type { TapDeliveries } from '../nats/delivery-info.ts';
import { tapDeliveries } from '../nats/delivery-tap.ts';
import { type MakeHeaderPrinter, plainHeaders, preparedHeaders } from '../nats/message-headers.ts';

export interface WriterPaths {
  /** Undefined: messages of AUDIT come by the subscription's callback. */
  readonly tapDeliveries: TapDeliveries | undefined;
  readonly makeHeaderPrinter: MakeHeaderPrinter;
}

export const PLAIN_PATHS: WriterPaths = { tapDeliveries: undefined, makeHeaderPrinter: plainHeaders };
export const FAST_PATHS: WriterPaths = { tapDeliveries, makeHeaderPrinter: preparedHeaders };
