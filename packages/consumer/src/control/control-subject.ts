/** Whether the stream of events takes what operators say. */
import type { JetStreamManager } from '@nats-io/jetstream';
import { ConsumerError } from '../errors.ts';
import type { Settings } from '../settings.ts';
import { readStreamInfo } from '../nats/stream-info.ts';

/** @throws ConsumerError STREAM_DRIFT when the stream does not take the subject; NO_STREAM, NO_PERMISSION … */
export async function checkStored(
  jsm: JetStreamManager,
  { auditStream, controlPrefix }: Settings,
  { subject, bind }: { readonly subject: string; readonly bind: boolean },
): Promise<void> {
  const { config } = await readStreamInfo(jsm, auditStream);
  if (config.subjects.some((filter) => matches(filter, subject))) return;
  const remedy = bind
    ? 'somebody else owns it, and may add the subject; who may publish there may acknowledge losses'
    : '`waybill deploy` adds the subject';
  throw new ConsumerError(
    'STREAM_DRIFT',
    `stream ${auditStream} does not take ${controlPrefix}.>, on which losses are acknowledged: ${remedy}`,
  );
}

/** Whether a subject is within a filter, which may have wildcards. */
export function matches(filter: string, subject: string): boolean {
  const [wanted, tokens] = [filter.split('.'), subject.split('.')];
  for (const [i, token] of wanted.entries()) {
    if (token === '>') return tokens.length > i;
    if (tokens[i] === undefined || (token !== '*' && token !== tokens[i])) return false;
  }
  return wanted.length === tokens.length;
}
