/** Express 5, and whatever has its middleware's shape (Express 4, Connect). */
import './check-node.ts';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createRequestAudit, type RequestAuditOptions, whenOver } from './request-audit.ts';

export type { RequestAuditOptions } from './request-audit.ts';

/** As much of Express's request as is read here. */
export interface ExpressRequest extends IncomingMessage {
  readonly baseUrl?: string;
  readonly route?: unknown;
}

/**
 * Middleware that emits one `request.handled` for each authenticated request.
 *
 *     app.use(auditRequests<Request>({ audit, claims: (request) => request.auth }));
 */
export function auditRequests<Request extends ExpressRequest = ExpressRequest>(options: RequestAuditOptions<Request>) {
  const { begin } = createRequestAudit(options);
  return (request: Request, response: ServerResponse, next: (error?: unknown) => void): void => {
    const end = begin(request, request.headers['traceparent']);
    whenOver(response, () =>
      end(() => ({
        method: request.method ?? '',
        route: routeOf(request),
        status: response.statusCode,
        aborted: !response.writableFinished,
      })),
    );
    next();
  };
}

function routeOf({ baseUrl = '', route }: ExpressRequest): string | undefined {
  const path = (route as { path?: unknown } | undefined)?.path;
  return typeof path === 'string' ? `${baseUrl}${path}` : undefined;
}
