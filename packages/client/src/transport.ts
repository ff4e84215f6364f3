/** What both transports do: they carry a question to a reader, and bring its answer. */
import type { OperationName } from '@waybill/schema/routes';

export interface Question {
  readonly operation: OperationName;
  readonly input: Readonly<Record<string, string>>;
  readonly form: 'application/json' | 'application/x-ndjson' | 'text/event-stream';
  /** Aborted, with a ClientError as its reason, when nobody waits any more. */
  readonly signal: AbortSignal;
}

interface AnyReply {
  /** One whose name begins with `Waybill-`. */
  header(name: string): string | null;
}

export interface Reply extends AnyReply {
  readonly text: string;
}

export interface OpenReply extends AnyReply {
  /** The text as it comes, cut anywhere. */
  readonly pieces: AsyncIterable<string>;
}

/** Both reject with a ClientError. */
export interface Transport {
  ask(question: Question): Promise<Reply>;
  /** Absent where every answer is whole: over NATS. */
  readonly open?: (question: Question) => Promise<OpenReply>;
}
