/**
 * One event per request, whatever the framework: begun when the request comes, emitted when its response is finished
 * or its connection closed, whichever is first. Responses are only listened to.
 */
import type { ServerResponse } from 'node:http';
import { requestHandled } from '@waybill/schema';
import { getDefaultPublisher } from './default-publisher.ts';
import { type Claims, dispatcher, type Dispatcher, type DispatcherOptions } from './dispatcher.ts';
import { quietly, since } from './lifecycle.ts';
import type { Sink } from './sink.ts';
import { activeTraceparent, isTraceparent } from './traceparent.ts';

export interface RequestAuditOptions<Request> extends DispatcherOptions {
  /**
   * The verified claims of a request: who makes it, for which organization. It is asked when the request is over, so
   * after authentication, wherever the middleware stands. null or undefined: not authenticated, and not audited.
   */
  readonly claims: (request: Request) => Claims | null | undefined;
  /** What the request is about, such as a digest. */
  readonly subject?: (request: Request) => string | undefined;
  /** Where the events go. Default: `getDefaultPublisher()`, as it is when the middleware is made. */
  readonly audit?: Pick<Sink, 'emit'> | undefined;
}

/** What a framework knows about a request, asked when it is over. */
interface RequestFacts {
  readonly method: string;
  /** The pattern that matched. */
  readonly route: string | undefined;
  readonly status: number;
  readonly aborted: boolean;
}

export interface RequestAudit<Request> {
  /** @returns what to call when the request is over; only its first call counts. None of this ever throws. */
  begin(request: Request, traceparent: unknown): (facts: () => RequestFacts) => void;
  readonly stats: Dispatcher['stats'];
}

export function createRequestAudit<Request>(options: RequestAuditOptions<Request>): RequestAudit<Request> {
  const { claims, subject, audit = getDefaultPublisher(), ...rest } = options;
  const { dispatch, stats } = dispatcher(audit, rest);

  return {
    begin(request, header) {
      const startMs = performance.now();
      const traceparent = isTraceparent(header) ? header : activeTraceparent();
      let isOver = false;
      return (facts) => {
        if (isOver) return;
        isOver = true;
        quietly(() => {
          const who = claims(request);
          if (who === null || who === undefined) return;
          const { method, route, status, aborted } = facts();
          dispatch(who, requestHandled, {
            method,
            status,
            duration_ms: since(startMs),
            outcome: status < 400 && !aborted ? 'success' : 'failure',
            ...(route !== undefined && route !== '' && { route }),
            ...(aborted && { aborted }),
            ...(traceparent !== undefined && { traceparent }),
            ...subjectOf(request, subject),
          });
        });
      };
    },
    stats,
  };
}

/** A subject that cannot be had costs that attribute. */
function subjectOf<Request>(request: Request, subject: RequestAuditOptions<Request>['subject']): { subject?: string } {
  let text: string | undefined;
  quietly(() => {
    text = subject?.(request);
  });
  return typeof text === 'string' && text !== '' ? { subject: text } : {};
}

/** Calls back when the response is finished, and when its connection is closed: once or twice. */
export function whenOver(response: ServerResponse, over: () => void): void {
  response.once('finish', over);
  response.once('close', over);
}
