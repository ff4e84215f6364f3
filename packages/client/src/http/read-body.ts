import { ClientError } from '../error.ts';

/** No answer is longer: a page has 4 MiB, a bill of a thousand cuts less. What sends more would fill the memory. */
const MAX_ANSWER = 64 * 1024 * 1024;

/** The whole text of an answer. @throws ClientError BAD_ANSWER when it is too long; whatever reading throws */
export async function readBody({ body }: Response): Promise<string> {
  // By a reader: not every browser iterates a stream.
  const reader = body?.getReader();
  const decoder = new TextDecoder();
  const pieces: string[] = [];
  let size = 0;
  for (;;) {
    const next = await reader?.read();
    if (next === undefined || next.done) return pieces.join('') + decoder.decode();
    size += next.value.length;
    if (size > MAX_ANSWER) {
      reader?.cancel().catch(() => undefined);
      throw new ClientError('BAD_ANSWER', `the answer has more than ${MAX_ANSWER} bytes`);
    }
    pieces.push(decoder.decode(next.value, { stream: true }));
  }
}
