/**
 * The `adapters/` room: one file for each framework or library outside, and an entry point of the package each. They
 * read what the framework knows and call instrument/. No adapter imports another, and nothing imports an adapter.
 *
 * This file is for Express 5 and for middleware of the same shape (Express 4, Connect).
 */
import '../check-node.ts';
import type { ServerResponse } from 'node:http';
import { createRequestAudit, type RequestAuditOptions, whenOver } from '../instrument/request-audit.ts';
import { type ExpressRequest, routeOf } from './express-route.ts';

export type { ExpressRequest } from './express-route.ts';
export type { RequestAuditOptions } from '../instrument/request-audit.ts';

/**
 * Middleware that emits one `request.handled` for each authenticated request.
 *
 *     app.use(auditRequests<Request>({ audit, claims: (request) => request.auth }));
 */
export function auditRequests<Request extends ExpressRequest = ExpressRequest>(options: RequestAuditOptions<Request>) {
  const { begin } = createRequestAudit(options);
  return (request: Request, response: ServerResponse, next: (error?: unknown) => void): void => {
    const end = begin(request, request.headers['traceparent']);
    whenOver(response, (ending) => end(ending, { method: request.method ?? '', route: () => routeOf(request) }));
    next();
  };
}
