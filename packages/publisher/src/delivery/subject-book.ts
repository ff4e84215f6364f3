import type { Lane } from './lane.ts';

export interface DeniedSubject {
  readonly type: string;
  /** Lanes in which events of the subject wait. */
  readonly lanes: Set<Lane>;
}

/** The subjects that the server denies, in the order of their turns to be tried. */
export class SubjectBook {
  readonly #subjects = new Map<string, DeniedSubject>();

  get size(): number {
    return this.#subjects.size;
  }

  get(subject: string): DeniedSubject | undefined {
    return this.#subjects.get(subject);
  }

  has(subject: string): boolean {
    return this.#subjects.has(subject);
  }

  add(subject: string, type: string): void {
    if (!this.has(subject)) this.#subjects.set(subject, { type, lanes: new Set() });
  }

  delete(subject: string): void {
    this.#subjects.delete(subject);
  }

  /** Nothing waits for the subject in this lane any more. */
  leave(lane: Lane, subject: string): void {
    const its = this.#subjects.get(subject);
    its?.lanes.delete(lane);
    if (its?.lanes.size === 0) this.delete(subject);
  }

  /** The subject whose turn it is, which goes to the end. There must be one. */
  nextTurn(): [subject: string, its: DeniedSubject] {
    const next = this.#subjects.entries().next().value as [string, DeniedSubject];
    this.#subjects.delete(next[0]);
    this.#subjects.set(...next);
    return next;
  }

  /** @param type only subjects of this event type */
  all(type?: string): string[] {
    return [...this.#subjects].flatMap(([subject, its]) => (type === undefined || its.type === type ? [subject] : []));
  }

  /** @param most how many to return: there may be thousands */
  some(most: number): string[] {
    const some: string[] = [];
    for (const subject of this.#subjects.keys()) if (some.push(subject) === most) break;
    return some;
  }
}
