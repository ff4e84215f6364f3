/**
 * Which chain each message of AUDIT belongs to: as one event, as several, or as a record in `_system`, which also takes
 * what operators say. No I/O and no
 * state: the same message always goes to the same chain.
 */
import { readMessage } from '@waybill/schema';
import { type ControlReading, type DataCheck, type Reading, SYSTEM_CHAIN } from '@waybill/schema/internal';
import type { StreamItem } from '../nats/stream-item.ts';

/** An event, a message that is none, or a gap, with the chain that it goes to unless that chain has it already. */
export interface RoutedItem {
  /** The message that it came in, or the gap. */
  readonly item: StreamItem;
  readonly orgid: string;
  /** null for a gap. */
  readonly reading: Reading | ControlReading | null;
  /** The event's own bytes in a message that holds several events; otherwise the message's. */
  readonly payload: Uint8Array;
  /** The event's place in a message that holds several events, from 0; otherwise undefined. */
  readonly index: number | undefined;
  /** Nothing of the same message comes after it. */
  readonly isLast: boolean;
}

/** Reads an item and appends what is in it to a list. */
export type Router = (item: StreamItem, routed: RoutedItem[]) => void;

export interface RouterOptions {
  readonly subjectPrefix: string;
  /** Default: `waybill.control`. */
  readonly controlPrefix?: string;
  readonly checkData?: DataCheck;
}

const NO_BYTES = new Uint8Array(0);

export function createRouter(options: RouterOptions): Router {
  return (item, routed) => {
    if (item.kind === 'gap') {
      routed.push({ item, orgid: SYSTEM_CHAIN, reading: null, payload: NO_BYTES, index: undefined, isLast: true });
      return;
    }
    const message = readMessage(item.subject, item.payload, options);
    if (message.form !== 'batch') {
      const { reading } = message;
      const { payload } = item;
      routed.push({ item, orgid: chainNameOf(reading), reading, payload, index: undefined, isLast: true });
      return;
    }
    const { elements } = message;
    for (const { index, payload, reading } of elements) {
      const isLast = index === elements.length - 1;
      routed.push({ item, orgid: chainNameOf(reading), reading, payload, index, isLast });
    }
  };
}

function chainNameOf(reading: Reading | ControlReading): string {
  return reading.ok && 'orgid' in reading ? reading.orgid : SYSTEM_CHAIN;
}
