/** Hono 4, on any runtime. */
import '../check-node.ts';
import type { Context, MiddlewareHandler } from 'hono';
import { matchedRoutes } from 'hono/route';
import {
  createRequestAudit,
  type RequestAuditOptions,
  type ResponseLike,
  whenOver,
} from '../instrument/request-audit.ts';

export type { RequestAuditOptions } from '../instrument/request-audit.ts';

/**
 * Middleware that emits one `request.handled` for each authenticated request.
 *
 *     app.use(auditRequests({ audit, claims: (c) => c.get('jwtPayload') }));
 *
 * With `@hono/node-server`, the event is emitted when the response is finished or its connection closed. Other runtimes
 * do not tell that. There it is emitted when the response is made.
 */
export function auditRequests(options: RequestAuditOptions<Context>): MiddlewareHandler {
  const { begin } = createRequestAudit(options);
  return async (c, next) => {
    const end = begin(c, c.req.header('traceparent'));
    const facts = { method: c.req.method, route: () => routeOf(c) };
    const outgoing = outgoingOf(c);
    if (outgoing) {
      whenOver(outgoing, (ending) => end(ending, facts));
      return next();
    }
    await next();
    // Not every runtime has a signal.
    const { signal } = c.req.raw as { signal?: AbortSignal };
    const aborted = signal?.aborted === true;
    end({ status: aborted ? null : c.res.status, aborted }, facts);
  };
}

/** The response of Node's server, where there is one. */
function outgoingOf(c: Context): ResponseLike | undefined {
  const { outgoing } = (c.env ?? {}) as { outgoing?: ResponseLike };
  return typeof outgoing?.once === 'function' && typeof outgoing.statusCode === 'number' ? outgoing : undefined;
}

/**
 * All that matches is in the list, even what is registered after the handler and never called. The index is that of the
 * last one that was called, which answered. Middleware has no route. A mounted handler looks the same, and has none
 * either.
 */
function routeOf(c: Context): string | undefined {
  const answered = matchedRoutes(c)[c.req.routeIndex];
  if (!answered) return undefined;
  const isMiddleware = answered.method === 'ALL' && handlerOf(answered.handler).length > 1;
  return isMiddleware ? undefined : answered.path;
}

type Handler = ((...args: never[]) => unknown) & { readonly __COMPOSED_HANDLER?: Handler };

/** Hono wraps the handlers of an application that has an error handler of its own. */
function handlerOf(handler: Handler): Handler {
  return handler.__COMPOSED_HANDLER ? handlerOf(handler.__COMPOSED_HANDLER) : handler;
}
