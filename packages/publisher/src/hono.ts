/** Hono 4, on any runtime. */
import './check-node.ts';
import type { ServerResponse } from 'node:http';
import type { Context, MiddlewareHandler } from 'hono';
import { matchedRoutes } from 'hono/route';
import { createRequestAudit, type RequestAuditOptions, whenOver } from './request-audit.ts';

export type { RequestAuditOptions } from './request-audit.ts';

/**
 * Middleware that emits one `request.handled` for each authenticated request.
 *
 *     app.use(auditRequests({ audit, claims: (c) => c.get('jwtPayload') }));
 *
 * With `@hono/node-server` that is when the response is finished or its connection closed. Other runtimes do not say:
 * there it is when the response has been made.
 */
export function auditRequests(options: RequestAuditOptions<Context>): MiddlewareHandler {
  const { begin } = createRequestAudit(options);
  return async (c, next) => {
    const end = begin(c, c.req.header('traceparent'));
    const outgoing = outgoingOf(c);
    const facts = { method: c.req.method };
    if (outgoing) {
      whenOver(outgoing, () =>
        end(() => ({
          ...facts,
          route: routeOf(c),
          status: outgoing.statusCode,
          aborted: !outgoing.writableFinished,
        })),
      );
      return next();
    }
    await next();
    end(() => ({ ...facts, route: routeOf(c), status: c.res.status, aborted: false }));
  };
}

/** The response of Node's server, where there is one. */
function outgoingOf(c: Context): ServerResponse | undefined {
  const { outgoing } = (c.env ?? {}) as { outgoing?: ServerResponse };
  return typeof outgoing?.once === 'function' && typeof outgoing.statusCode === 'number' ? outgoing : undefined;
}

/** The last that matched is the handler; middleware matches more, and before it. */
function routeOf(c: Context): string | undefined {
  return matchedRoutes(c).at(-1)?.path;
}
