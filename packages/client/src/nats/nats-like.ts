/**
 * The part of a NATS connection that is used here: of `@nats-io/nats-core` 3.x and its transports, or of `nats` 2.x. It
 * stays the caller's, who closes it.
 */
export interface NatsLike {
  request(
    subject: string,
    payload: Uint8Array,
    options: { timeout: number },
  ): Promise<{ readonly data: Uint8Array; readonly headers?: { get(name: string): string } | undefined }>;
  isClosed(): boolean;
}
