/** Where an event was stored. */
export interface Ack {
  readonly stream: string;
  readonly seq: number;
  /** The stream had it already, from an earlier try. */
  readonly duplicate: boolean;
}
