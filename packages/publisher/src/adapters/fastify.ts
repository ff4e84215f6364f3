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
  // `register` uses these itself and passes them on.
  const { prefix: _p, logLevel: _l, logSerializers: _s, ...own } = options as typeof options & RegisterOptions;
  const { begin } = createRequestAudit(own);
  app.addHook('onRequest', (request, reply, next) => {
    const end = begin(request, request.headers['traceparent']);
    // Fastify knows the pattern with its prefixes. A not-found handler has none.
    whenOver(reply.raw, (ending) => end(ending, { method: request.method, route: () => request.routeOptions.url }));
    next();
  });
  done();
}

// As `fastify-plugin` does it: the hook is for the instance that registers the plugin, not for a child of it.
Object.assign(auditRequests, { [Symbol.for('skip-override')]: true });
