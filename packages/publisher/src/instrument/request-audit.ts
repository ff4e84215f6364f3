/**
 * One event for each request, for any framework. It begins when the request comes, and is emitted when the response is
 * finished or its connection closed, whichever is first. Responses are only listened to.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import { requestHandled } from '@waybill/schema';
import type { KnownOptions } from '@waybill/schema/internal';
import { badKind, checkOptions } from '../check-options.ts';
import { elapsedMs } from '../duration.ts';
import type { Sink } from '../sink.ts';
import { activeTraceparent, readTraceparent } from '../traceparent.ts';
import { getDefaultPublisher } from './default-publisher.ts';
import { type Claims, dispatcher, DISPATCHER_OPTIONS, type Dispatcher, type DispatcherOptions } from './dispatcher.ts';
import { quietly } from './quiet-emit.ts';

export interface RequestAuditOptions<Request> extends DispatcherOptions {
  /**
   * The verified claims of a request: who makes it, for which organization. Called when the request is over, and
   * therefore after authentication, wherever the middleware stands. null or undefined: not authenticated, and not
   * audited.
   */
  readonly claims: (request: Request) => Claims | null | undefined;
  /** What the request is about, such as a digest. */
  readonly subject?: (request: Request) => string | undefined;
  /** Where the events go. Default: `getDefaultPublisher()` at the time when the middleware is made. */
  readonly audit?: Pick<Sink, 'emit'> | undefined;
}

/** What a framework knows about a request. */
interface RequestFacts {
  readonly method: string;
  /** The pattern of the route that answered. Called when the request is over. undefined: it is not known. */
  readonly route: () => string | undefined;
}

/** How a response ended. */
export interface Ending {
  /** null: the connection was closed before there was a status. */
  readonly status: number | null;
  /** The connection was closed before the whole response was written. */
  readonly aborted: boolean;
}

/** The status that nginx logs for a request whose client went away before it got one. */
const NO_STATUS = 499;

export interface RequestAudit<Request> {
  /** @returns a function to call when the request is over; only its first call counts. Neither ever throws. */
  begin(request: Request, traceparent: unknown): (ending: Ending, facts: RequestFacts) => void;
  readonly stats: Dispatcher['stats'];
}

const OPTIONS: KnownOptions<RequestAuditOptions<never>> = {
  ...DISPATCHER_OPTIONS,
  claims: true,
  subject: true,
  audit: true,
};

/** @throws PublisherError INVALID_OPTIONS */
export function createRequestAudit<Request>(options: RequestAuditOptions<Request>): RequestAudit<Request> {
  checkOptions('auditRequests', options, OPTIONS);
  const { claims, subject, audit = getDefaultPublisher(), ...rest } = options;
  // Without it nothing would be audited, without an error.
  if (typeof claims !== 'function') throw badKind('auditRequests', 'claims', claims, 'a function');
  const { dispatch, stats } = dispatcher(audit, rest);

  return {
    begin(request, header) {
      const startMs = performance.now();
      const traceparent = readTraceparent(header) ?? activeTraceparent();
      let isOver = false;
      return ({ status, aborted }, { method, route }) => {
        if (isOver) return;
        isOver = true;
        quietly(() => {
          const who = claims(request);
          if (who === null || who === undefined) return;
          dispatch(who, requestHandled, {
            method,
            status: status ?? NO_STATUS,
            duration_ms: elapsedMs(startMs),
            outcome: status !== null && status < 400 && !aborted ? 'success' : 'failure',
            ...optional('route', route),
            ...(aborted && { aborted }),
            ...(traceparent !== undefined && { traceparent }),
            ...optional('subject', () => subject?.(request)),
          });
        });
      };
    },
    stats,
  };
}

/** An attribute that cannot be read is left out. */
function optional<Name extends 'route' | 'subject'>(name: Name, read: () => unknown): { [N in Name]?: string } {
  let text: unknown;
  quietly(() => {
    text = read();
  });
  return typeof text === 'string' && text !== '' ? ({ [name]: text } as { [N in Name]?: string }) : {};
}

/** The part that is read here of responses of `node:http` and of the compatible ones of `node:http2`. */
export interface ResponseLike {
  once(event: 'finish' | 'close', listener: () => void): unknown;
  readonly statusCode: number;
  readonly headersSent: boolean;
  readonly writableEnded: boolean;
  readonly stream?: { readonly rstCode?: number | undefined } | undefined;
}

/** Calls back when the response is finished and when its connection is closed: once or twice. The first call counts. */
export function whenOver(response: ResponseLike, over: (ending: Ending) => void): void {
  // The code that ends the response may run in a decision, and the connection may carry another request by then.
  const inThisContext = AsyncLocalStorage.snapshot();
  response.once('finish', () => inThisContext(() => over(endingOf(response, isFinished(response)))));
  response.once('close', () => inThisContext(() => over(endingOf(response, false))));
}

/**
 * The only place that reads a response at its end.
 *
 * It does not use `writableFinished`, which stays false in a response without a socket (`app.inject()`).
 */
function endingOf({ headersSent, statusCode }: ResponseLike, isComplete: boolean): Ending {
  return { status: isComplete || headersSent ? statusCode : null, aborted: !isComplete };
}

/** HTTP/2 emits `finish` for a stream that the client has reset, too. */
function isFinished({ writableEnded, stream }: ResponseLike): boolean {
  return writableEnded && (stream?.rstCode ?? 0) === 0;
}
