/**
 * Channels of `node:diagnostics_channel`, for code that observes publishers without having one. A message is made only
 * when its channel has a listener. An error of a listener never reaches `emit`: Node raises it later as
 * `uncaughtException`.
 *
 * | channel | message |
 * |---|---|
 * | `waybill:publisher:ack` | `{ producer, type, orgid, producerseq, stream, seq, duplicate }` |
 * | `waybill:publisher:drop` | a `Drop` and `producer` |
 * | `waybill:publisher:status` | a `PublisherStatus` and `producer`, when it changes |
 */
import diagnostics from 'node:diagnostics_channel';
import type { Ack } from '../ack.ts';
import { outside } from '../context.ts';
import type { Drop } from '../drop.ts';
import type { PublisherStatus } from '../handle.ts';
import type { PendingEvent } from '../pending-event.ts';

const acks = diagnostics.channel('waybill:publisher:ack');
const drops = diagnostics.channel('waybill:publisher:drop');
const statuses = diagnostics.channel('waybill:publisher:status');

export interface Diagnostics {
  acked(event: PendingEvent, ack: Ack): void;
  dropped(drop: Drop): void;
  status(status: PublisherStatus): void;
}

export function createDiagnostics(producer: string): Diagnostics {
  let last: PublisherStatus | null = null;
  const publish = (channel: diagnostics.Channel, message: object): void => {
    outside(() => channel.publish({ producer, ...message }));
  };
  return {
    acked({ producer: by, type, orgid, producerseq }, ack) {
      if (acks.hasSubscribers) publish(acks, { producer: by, type, orgid, producerseq, ...ack });
    },
    dropped(drop) {
      if (drops.hasSubscribers) publish(drops, drop);
    },
    status(status) {
      if (last !== null && status.state === last.state && status.reason === last.reason) return;
      last = status;
      if (statuses.hasSubscribers) publish(statuses, status);
    },
  };
}
