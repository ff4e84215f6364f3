/**
 * The part of a NATS connection that is used here: of `@nats-io/nats-core` 3.x and its transports, or of `nats` 2.x.
 */
export interface ConnectionLike {
  publish(subject: string, payload?: Uint8Array, options?: { reply?: string; headers?: never }): void;
  subscribe(subject: string, options?: { callback?: (error: never, message: never) => void }): { unsubscribe(): void };
  status(): AsyncIterable<{ readonly type: string }>;
  closed(): Promise<unknown>;
  isClosed(): boolean;
  close(): Promise<void>;
  readonly info?: { readonly max_payload: number } | undefined;
}
