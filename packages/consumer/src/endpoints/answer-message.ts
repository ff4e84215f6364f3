import type { Msg } from '@nats-io/nats-core';
import type { Problem } from '@waybill/schema/api';
import type { OperationName } from '@waybill/schema/routes';
import { answer } from '../api/answer.ts';
import { isFault, problemOf } from '../api/problem.ts';
import type { Reader } from '../api/reader.ts';
import type { ConsumerLogger } from '../logger.ts';
import { pause } from '../pause.ts';
import { readQuestion } from './read-question.ts';
import { checkRoom, respond, respondProblem } from './reply.ts';
import { readStreamPage } from './stream-page.ts';

export interface Answering {
  readonly reader: Reader;
  readonly logger: ConsumerLogger;
  /** The most bytes of an answer. */
  readonly room: number;
  /** A page of a sequence ends after so many milliseconds, when it has something. */
  readonly pageMs: number;
  /** Only the reader that started a verification knows it. Any other one waits so long before it says that. */
  readonly unknownMs: number;
  /** Aborted when the service ends. */
  readonly stop: AbortSignal;
}

/** Every reader is asked: only one of them knows the verification. */
export const ASKED_OF_ALL: OperationName = 'verifications.get';

/** Answers one message. @returns the problem, when that was the answer */
export async function answerMessage(
  answering: Answering,
  operation: OperationName,
  message: Msg,
): Promise<Problem | null> {
  const { reader, logger, room, pageMs, unknownMs, stop } = answering;
  const over = new AbortController();
  try {
    const signal = AbortSignal.any([over.signal, stop]);
    const found = await answer(reader, { operation, ...readQuestion(operation, message), signal });
    if (found.kind === 'whole') {
      const bytes = Buffer.from(found.text);
      checkRoom(bytes.length, room, 'the answer');
      respond(message, bytes, found.headers);
    } else {
      const { text, next } = await readStreamPage(found, { room, maxMs: pageMs });
      respond(message, text, { ...found.headers, ...(next !== null && { 'Waybill-Next': next }) });
    }
    return null;
  } catch (error) {
    const problem = problemOf(error);
    if (isFault(problem.code)) logger.error({ err: error, subject: message.subject }, 'a question had no answer');
    if (operation === ASKED_OF_ALL && problem.code === 'NOT_FOUND') await pause(unknownMs, stop);
    respondProblem(message, problem);
    return problem;
  } finally {
    over.abort();
  }
}
