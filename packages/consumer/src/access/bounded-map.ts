/** A map of at most so many members. One more removes the member that was set or used longest ago. */
export interface BoundedMap<Value> {
  get(key: string): Value | undefined;
  /** Counts as a use. @returns the key that had to go, if any */
  set(key: string, value: Value): string | undefined;
  delete(key: string): void;
  readonly size: number;
}

export function createBoundedMap<Value>(max: number): BoundedMap<Value> {
  // A Map lists its members in the order in which they were set.
  const members = new Map<string, Value>();
  return {
    get(key) {
      const value = members.get(key);
      if (value === undefined) return undefined;
      members.delete(key);
      members.set(key, value);
      return value;
    },
    set(key, value) {
      members.delete(key);
      members.set(key, value);
      if (members.size <= max) return undefined;
      const [oldest = ''] = members.keys();
      members.delete(oldest);
      return oldest;
    },
    delete(key) {
      members.delete(key);
    },
    get size() {
      return members.size;
    },
  };
}
