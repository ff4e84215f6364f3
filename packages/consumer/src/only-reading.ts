import type { Message, Reading } from '@waybill/schema';

/** What a message is to code that does not know several events in one yet: those are refused as a whole. */
export function onlyReading(message: Message): Reading {
  if (message.form === 'single') return message.reading;
  return { ok: false, reason: 'not_an_event', detail: 'an array of events, which is not chained yet' };
}
