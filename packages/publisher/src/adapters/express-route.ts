/**
 * The pattern of the Express route that answered. A request's `baseUrl` has the values of parameters, as the client
 * wrote them. So the patterns are read from the layers that lead to the route.
 */
import type { IncomingMessage } from 'node:http';

/** The part of Express's request that is read here. */
export interface ExpressRequest extends IncomingMessage {
  readonly baseUrl?: string;
  readonly route?: unknown;
}

interface Route {
  readonly path?: unknown;
}

/**
 * As in `router` 2.3 and later. Earlier ones forget the pattern, and then the pattern of a mounted route is not known.
 */
interface Layer {
  readonly name?: string;
  readonly route?: Route;
  readonly handle?: unknown;
  readonly rawPath?: unknown;
  match(path: string): false | { readonly path: string; readonly pattern: unknown };
}

type Stack = readonly Layer[];

interface App {
  readonly parent?: App;
  readonly mountpath?: unknown;
}

/** The patterns so far, and the rest of the path. */
interface Place {
  readonly pattern: string;
  readonly path: string;
}

/** @throws whatever a foreign router throws */
export function routeOf(request: ExpressRequest): string | undefined {
  const { baseUrl = '', route, url = '' } = request;
  if (typeof route !== 'object' || route === null || wasPassedOn(request, route)) return undefined;
  const { app } = request as { app?: App };
  const stack = stackOf(app);
  // The route itself is enough if it is not mounted, or if its router has no application.
  if (baseUrl === '' && typeof (route as Route).path === 'string' && (stack?.some((l) => l.route === route) ?? true)) {
    return (route as Route).path as string;
  }
  if (!app || !stack) return undefined;
  const start = placeOf(app, `${baseUrl}${url.split('?', 1)[0]}`);
  return start && find(stack, start, route);
}

/** The layers of a router, or of an application (Express 5, Express 4). */
function stackOf(handler: unknown): Stack | undefined {
  if ((typeof handler !== 'function' && typeof handler !== 'object') || handler === null) return undefined;
  const { stack, _router } = handler as { stack?: Stack; _router?: { stack?: Stack } };
  if (stack ?? _router) return stack ?? _router?.stack;
  return 'router' in handler ? (handler as { router?: { stack?: Stack } }).router?.stack : undefined;
}

/** Where a mounted application begins. */
function placeOf(app: App, path: string): Place | undefined {
  if (!app.parent) return { pattern: '', path };
  const outer = placeOf(app.parent, path);
  if (!outer) return undefined;
  for (const layer of stackOf(app.parent) ?? []) {
    if (layer.name !== 'mounted_app' || String(layer.rawPath) !== String(app.mountpath)) continue;
    const inner = enter(layer, outer);
    if (inner) return inner;
  }
  return undefined;
}

/** The whole pattern of a route at or below a place. */
function find(stack: Stack, place: Place, route: object): string | undefined {
  for (const layer of stack) {
    if (layer.route === route) {
      const pattern = patternOf(layer, place.path);
      return pattern === undefined ? undefined : `${place.pattern}${pattern.text}`;
    }
    const inner = layer.route ? undefined : stackOf(layer.handle);
    const below = inner && enter(layer, place);
    const found = below && find(inner, below, route);
    if (found !== undefined) return found;
  }
  return undefined;
}

function enter(layer: Layer, { pattern, path }: Place): Place | undefined {
  const matched = patternOf(layer, path);
  if (!matched) return undefined;
  const rest = path.slice(matched.length);
  return {
    pattern: `${pattern}${matched.text.replace(/\/+$/, '')}`,
    path: rest.startsWith('/') ? rest : `/${rest}`,
  };
}

/** undefined: no match, a match of a regular expression, or a router that does not tell. */
function patternOf(layer: Layer, path: string): { readonly text: string; readonly length: number } | undefined {
  if (layer.rawPath === undefined) return undefined;
  const match = layer.match(path);
  return match && typeof match.pattern === 'string' ? { text: match.pattern, length: match.path.length } : undefined;
}

/**
 * Whether the route called `next()` and something else answered. `request.route` does not change then. Later versions
 * of the router keep the pattern that matched last, and whether an error is under way: an error handler answers for the
 * route.
 */
function wasPassedOn(request: object, { path }: Route): boolean {
  const symbol = Object.getOwnPropertySymbols(request).find((s) => s.description === 'router.tracing.matchedRoute');
  const last = symbol && (request as Record<symbol, unknown>)[symbol];
  if (symbol === undefined || last === path || (Array.isArray(path) && path.flat(Infinity).includes(last)))
    return false;
  return !(Symbol.for('router.tracing.publishedErrors') in request);
}
