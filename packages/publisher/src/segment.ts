/** One segment file of a spool, while events in it are not settled. */
export interface Segment {
  readonly path: string;
  /** Events in it that are not settled, wherever they are. */
  unsettled: number;
  /** Of them, those that are only on disk. */
  unread: number;
  bytes: number;
  /** Nothing is appended any more. */
  sealed: boolean;
  /** A record could not be read: the segment is put aside instead of deleted. */
  damaged: boolean;
}

export function createSegment(path: string): Segment {
  return { path, unsettled: 0, unread: 0, bytes: 0, sealed: false, damaged: false };
}
