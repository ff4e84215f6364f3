/** Called once when work has ended. Later calls are ignored. */
export interface Ends {
  finished(): void;
  failed(error: unknown): void;
}
