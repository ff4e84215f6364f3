/** Who is told how work ended. Told once: calls after the first count for nothing. */
export interface Ends {
  finished(): void;
  failed(error: unknown): void;
}
