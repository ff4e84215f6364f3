/** Where in its publisher's own count an event stands. */
export interface Origin {
  /** The publisher's boot id. */
  readonly producer: string;
  readonly producerseq: number;
}
