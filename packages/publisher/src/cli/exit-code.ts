/** What the exit code of `waybill-spool` means. */
export const EXIT = { ok: 0, left: 1, unreadable: 2, usage: 64 } as const;

/** The command was called wrongly. */
export class UsageError extends Error {}
