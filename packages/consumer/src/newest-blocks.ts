/**
 * The newest blocks of many chains in one request (`multi_last` of `DIRECT.GET`, ADR-31, nats-server 2.11).
 *
 * Any replica may answer, also one that lags: an answer counts only if it knows the stream at least up to a sequence
 * that the caller knows to be stored. Should it be old all the same, no harm is done: a block that does not continue
 * its chain's newest one is refused.
 */
import { type Msg, type MsgHdrs, type NatsConnection } from '@nats-io/nats-core';
import { formatLedgerSubject } from '@waybill/schema';
import type { LedgerPlace } from './find-block.ts';
import { newInbox } from './inbox.ts';

/** The server refuses requests for more than 1,024; one is for the caller's `known`. */
export const MAX_CHAINS = 1_023;
/** Of blocks in one answer, so that the server does not queue half a gigabyte for one client. */
const MAX_ANSWER_BYTES = 4 * 1024 * 1024;

/** A block as it is delivered. */
export interface NewestMessage {
  readonly subject: string;
  readonly seq: number;
  readonly data: Uint8Array;
  readonly header: MsgHdrs | undefined;
}

export interface NewestRequest {
  readonly nc: NatsConnection;
  readonly ledger: LedgerPlace;
  /** At most `MAX_CHAINS`. */
  readonly orgids: readonly string[];
  /** The newest block that is known to be stored; null for an empty ledger. */
  readonly known: { readonly orgid: string; readonly seq: number } | null;
  readonly timeoutMs: number;
  /** Called for each chain that has a block, while the blocks arrive; none of them is kept. */
  readonly onBlock: (message: NewestMessage) => void;
}

/**
 * @returns whether all that there is was handed over. If not, the leader has to be asked: whoever answered does not know
 *   of `known` yet (`behind`), or there was no answer (`silent`)
 * @throws whatever `onBlock` throws
 */
export async function readNewestBlocks(request: NewestRequest): Promise<'all' | 'behind' | 'silent'> {
  const { ledger, orgids, known } = request;
  // Together with a chain that has a block: an answer without any does not say up to where it knows the stream.
  const asked = known === null || orgids.includes(known.orgid) ? orgids : [...orgids, known.orgid];
  const subjects = asked.map((orgid) => formatLedgerSubject(orgid, ledger.ledgerPrefix));
  let answer: Answer | null = { pending: 1, last: 0, upTo: 0 };
  while (answer.pending > 0) {
    const rest = answer.last === 0 ? {} : { seq: answer.last + 1, up_to_seq: answer.upTo };
    answer = await ask(request, JSON.stringify({ multi_last: subjects, max_bytes: MAX_ANSWER_BYTES, ...rest }));
    if (!answer) return 'silent';
  }
  return answer.upTo >= (known?.seq ?? 0) ? 'all' : 'behind';
}

interface Answer {
  /** Chains whose blocks did not fit into it. */
  readonly pending: number;
  /** Sequence of its last block. */
  readonly last: number;
  readonly upTo: number;
}

/** null when there is none, or another one than expected. */
async function ask({ nc, ledger, timeoutMs, onBlock }: NewestRequest, query: string): Promise<Answer | null> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer | null>();
  const inbox = newInbox(nc);
  const sub = nc.subscribe(inbox, {
    callback(error, message) {
      if (error) return resolve(null);
      const seq = number(message, 'Nats-Sequence');
      if (message.headers?.code) return resolve(endOf(message));
      try {
        const { data, headers: header } = message;
        onBlock({ subject: header?.get('Nats-Subject') ?? '', seq, data, header });
      } catch (failure) {
        reject(failure);
      }
    },
  });
  const timer = setTimeout(() => resolve(null), timeoutMs);
  try {
    nc.publish(`$JS.API.DIRECT.GET.${ledger.ledgerStream}`, query, { reply: inbox });
    return await promise;
  } finally {
    clearTimeout(timer);
    sub.unsubscribe();
  }
}

/** 204 ends the blocks, 404 says that there are none; anything else is no answer. */
function endOf(message: Msg): Answer | null {
  if (message.headers?.code === 404) return { pending: 0, last: 0, upTo: 0 };
  if (message.headers?.code !== 204) return null;
  return {
    pending: number(message, 'Nats-Num-Pending'),
    last: number(message, 'Nats-Last-Sequence'),
    upTo: number(message, 'Nats-UpTo-Sequence'),
  };
}

function number(message: Msg, header: string): number {
  return Number(message.headers?.get(header) ?? 0);
}
