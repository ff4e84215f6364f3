/** Why the disk takes nothing at present, and when the next write is worth a try. */
export interface DiskTrouble {
  /** null: nothing is wrong. */
  readonly reason: string | null;
  /** Whether a write is worth a try. After a failure the disk is left alone for `retryMs`. */
  readonly mayTry: boolean;
  /** An operation failed. @param what was attempted, e.g. `writing to /var/spool` */
  failed(what: string, error: unknown): void;
  /** The spool has reached its own limit. The next write may be smaller, so it is tried at once. */
  full(usedBytes: number, maxBytes: number): void;
  /** An operation succeeded. */
  clear(): void;
}

export function createDiskTrouble(retryMs: number): DiskTrouble {
  let reason: string | null = null;
  let retryAt = 0;

  return {
    get reason() {
      return reason;
    },
    get mayTry() {
      return reason === null || performance.now() >= retryAt;
    },
    failed(what, error) {
      reason = `spool: ${what}: ${error instanceof Error ? error.message : String(error)}`;
      retryAt = performance.now() + retryMs;
    },
    full(usedBytes, maxBytes) {
      reason = `spool: ${usedBytes} of ${maxBytes} bytes are in use`;
      retryAt = 0;
    },
    clear() {
      reason = null;
    },
  };
}
