/** Fastify 5. */
import '../check-node.ts';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { createRequestAudit, type RequestAuditOptions, whenOver } from '../instrument/request-audit.ts';

export type { RequestAuditOptions } from '../instrument/request-audit.ts';

interface RegisterOptions {
  readonly prefix?: unknown;
  readonly logLevel?: unknown;
  readonly logSerializers?: unknown;
}

/**
 * A plugin that emits one `request.handled` for each authenticated request of the instance that it is registered in.
 *
 *     await app.register(auditRequests, { audit, claims: (request) => request.user });
 */
export function auditRequests(
  app: FastifyInstance,
  options: RequestAuditOptions<FastifyRequest>,
  done: (error?: Error) => void,
): void {
  // What `register` takes for itself, and hands on.
  const { prefix: _p, logLevel: _l, logSerializers: _s, ...own } = options as typeof options & RegisterOptions;
  const { begin } = createRequestAudit(own);
  app.addHook('onRequest', (request, reply, next) => {
    const end = begin(request, request.headers['traceparent']);
    // Fastify has the pattern with its prefixes, and none for a handler of what was not found.
    whenOver(reply.raw, (ending) => end(ending, { method: request.method, route: () => request.routeOptions.url }));
    next();
  });
  done();
}

// What `fastify-plugin` sets: the hook is for the instance that registers this, not for a child of its own.
Object.assign(auditRequests, { [Symbol.for('skip-override')]: true });
