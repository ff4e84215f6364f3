import type { EventDraft } from '@waybill/schema';

/** An event, or a function that makes it. The function is called only where the event is wanted. */
export type EventInput = EventDraft | (() => EventDraft);
