/**
 * The `api/` room: answers to the questions of the operations table (`@waybill/schema/api`). It knows who asks, and no
 * transport: HTTP and NATS hand a question to `answer`, and write down what they get. The functions that answer are those
 * of the CLI. Nothing here writes to a stream, and nothing here imports the writer.
 *
 * This file says what a reader has, what a question is, and what an answer is.
 */
import type { NatsConnection } from '@nats-io/nats-core';
import type { BillSigner } from '@waybill/schema';
import type { MediaType, OperationName, Output } from '@waybill/schema/api';
import type { ConsumerLogger } from '../logger.ts';
import type { Settings } from '../settings.ts';
import type { Access, Principal } from '../access/principal.ts';
import type { Slots } from './slots.ts';
import type { VerificationJobs } from './verification-jobs.ts';

/** What all answers of a process share. */
export interface Reader {
  readonly nc: NatsConnection;
  readonly settings: Settings;
  /** Somebody else owns the stream of events. */
  readonly bind: boolean;
  readonly role: Output<'status.get'>['role'];
  readonly bill: { readonly issuer: string; readonly signer: BillSigner | null };
  readonly access: Access;
  readonly slots: Slots;
  readonly verifications: VerificationJobs;
  readonly limits: ReaderLimits;
  readonly logger: ConsumerLogger;
  /** Called for each answer. `code`: `OK`, or that of the error. */
  readonly onAnswer: (answered: {
    readonly operation: OperationName;
    readonly code: string;
    readonly ms: number;
  }) => void;
}

export interface ReaderLimits {
  /** The longest that an answer may take, not counting the `wait` that was asked for. */
  readonly queryMs: number;
  /** The same for one bill, which reads a whole chain. */
  readonly billMs: number;
  /** The most bytes of entries in one page of JSON. */
  readonly pageBytes: number;
  /** How often an open stream asks whether its principal is still valid. */
  readonly validityMs: number;
}

export const READER_LIMITS: ReaderLimits = {
  queryMs: 2_000,
  billMs: 60_000,
  pageBytes: 4 * 1024 * 1024,
  validityMs: 5_000,
};

export interface Question {
  readonly operation: OperationName;
  /** Members of the operation's input, not checked yet. */
  readonly input: Readonly<Record<string, string>>;
  readonly principal: Principal;
  /** One of the operation's forms. Default: its first. */
  readonly form?: MediaType | undefined;
  /** Aborted when nobody waits for the answer any more. Whoever does not read a stream to its end has to abort it. */
  readonly signal: AbortSignal;
}

/** A question whose input has the operation's shape, about what the principal may see. */
export interface Asked<Input> {
  readonly reader: Reader;
  readonly input: Input;
  readonly principal: Principal;
  readonly form: MediaType;
  readonly signal: AbortSignal;
}

export type Answer = WholeAnswer | StreamAnswer;

/** What was read for an answer, for the audit of reads. */
export interface ReadNote {
  readonly orgids: readonly string[] | 'all';
  /** Entries, bills or windows. */
  readonly items: number;
}

interface AnyAnswer {
  readonly form: MediaType;
  /** Names that begin with `Waybill-`, for HTTP and NATS. */
  readonly headers?: Readonly<Record<string, string>>;
}

export interface WholeAnswer extends AnyAnswer {
  readonly kind: 'whole';
  /** The bytes, as text. They end with a line feed. */
  readonly text: string;
  /** The same question has these bytes for ever, or until its anchors grow: it gets an ETag. */
  readonly isFinal: boolean;
  readonly read?: ReadNote;
}

export interface StreamAnswer extends AnyAnswer {
  readonly kind: 'stream';
  /** Rejects when it cannot go on: what has arrived is then not the whole. */
  readonly items: AsyncIterable<readonly StreamItem[]>;
  /** Aborted when its reader is no longer let in: what is still unsent may not be sent either. */
  readonly invalid: AbortSignal;
}

export interface StreamItem {
  /** Without a line feed. */
  readonly line: string;
  /** A stream can go on after this item. */
  readonly id?: string;
}
