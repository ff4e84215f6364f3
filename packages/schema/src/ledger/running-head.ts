/** A chain's head while the chain grows, and the entries that it makes. */
import { type Sha256, sha256Hex } from '../hash.ts';
import { formatCore, formatEntry, type Head, type NextCore, type NextEntry, NO_INDEX } from './entry.ts';
import { RunningTotals } from './running-totals.ts';
import type { Totals } from './volume.ts';

/** @returns the entry as one line of canonical JSON, and the head that it makes */
export function appendEntry(head: Head, next: NextEntry, sha256: Sha256 = sha256Hex): { line: string; head: Head } {
  const running = new RunningHead(head);
  return { line: appendLine(running, next, sha256), head: running.read() };
}

/** The same, with a head that becomes that of the new entry. */
export function appendLine(head: RunningHead, next: NextEntry, sha256: Sha256 = sha256Hex): string {
  const core = head.append({ ...next, eventHash: sha256(next.event) }, sha256);
  return formatEntry(core, next.event, head.hash);
}

/** The head of a growing chain. Each entry changes it in place. */
export class RunningHead implements Head {
  readonly orgid: string;
  seq: number;
  hash: string;
  received: string;
  sourceSeq: number;
  sourceIndex: number;
  readonly #totals: RunningTotals;

  constructor({ orgid, seq, hash, received, sourceSeq, sourceIndex, totals }: Head) {
    this.orgid = orgid;
    this.seq = seq;
    this.hash = hash;
    this.received = received;
    this.sourceSeq = sourceSeq;
    this.sourceIndex = sourceIndex;
    this.#totals = new RunningTotals(totals);
  }

  /** Becomes the head of the next entry. @returns that entry's core as RFC 8785 text */
  append(next: NextCore, sha256: Sha256): string {
    const { received, source, volume } = next;
    if (received > this.received) this.received = received;
    this.seq++;
    this.sourceSeq = source.seq;
    this.sourceIndex = source.index ?? NO_INDEX;
    this.#totals.add(volume);
    // `hash` is still that of the entry before.
    const core = printCore(this, next);
    this.hash = sha256(core);
    return core;
  }

  /** A new object each time. */
  get totals(): Totals {
    return this.#totals.read();
  }

  /** RFC 8785 text of the totals. */
  formatTotals(): string {
    return this.#totals.format();
  }

  /** Whether the totals still have few enough digits for an entry. */
  get hasDigits(): boolean {
    return this.#totals.areDecimal;
  }

  /** A copy that does not change any more. */
  read(): Head {
    const { orgid, seq, hash, received, sourceSeq, sourceIndex, totals } = this;
    return { orgid, seq, hash, received, sourceSeq, sourceIndex, totals };
  }
}

/**
 * Prints the core of the next entry as RFC 8785 text.
 *
 * @param head already has the `seq`, `received` and totals of the next entry; its `hash` is that of the entry before
 */
export type CorePrinter = (head: RunningHead, next: NextCore) => string;

let printCore: CorePrinter = printNextCore;

/** For `fast/install.ts`: a printer that gives the same texts as `printNextCore`. */
export function installCorePrinter(printer: CorePrinter): void {
  printCore = printer;
}

/** The specification of every `CorePrinter`. */
export function printNextCore(head: RunningHead, next: NextCore): string {
  const { source, origin, eventHash, volume } = next;
  return formatCore({
    v: 1,
    orgid: head.orgid,
    seq: head.seq,
    prev_hash: head.hash,
    received: head.received,
    // Callers may have members that are undefined, or more members than belong here.
    source: {
      stream: source.stream,
      seq: source.seq,
      ...(source.index !== undefined && { index: source.index }),
      subject: source.subject,
    },
    origin: origin && { producer: origin.producer, producerseq: String(origin.producerseq) },
    event_hash: eventHash,
    volume: { kind: volume.kind, bytes: volume.bytes, ...(volume.from !== undefined && { from: volume.from }) },
    totals: head.totals,
  });
}
