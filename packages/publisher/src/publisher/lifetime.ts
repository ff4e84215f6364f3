/** `closing`: close() was called, and events are still sent. `closed`: nothing is sent any more. */
export interface Lifetime {
  phase: 'open' | 'closing' | 'closed';
}
