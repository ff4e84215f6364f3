/**
 * The pattern of the Express route that answered. Express tells a request's `baseUrl` as the client wrote it, with
 * whatever stands for a parameter, so the patterns are read from the layers that lead to the route.
 */
import type { IncomingMessage } from 'node:http';

/** As much of Express's request as is read here. */
export interface ExpressRequest extends IncomingMessage {
  readonly baseUrl?: string;
  readonly route?: unknown;
}

interface Route {
  readonly path?: unknown;
}

/** Of `router` 2.3 and later; earlier ones forget the pattern, and what is mounted by one has no known pattern then. */
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

/** Patterns so far, and what is left of the path. */
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
  // A route that is mounted nowhere is known by itself. So is one of a router without an application.
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

/** Where an application begins that is mounted in another. */
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

/** The whole pattern of a route that is at or below a place. */
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

/** undefined: no match, or one of a regular expression, or none that this router tells. */
function patternOf(layer: Layer, path: string): { readonly text: string; readonly length: number } | undefined {
  if (layer.rawPath === undefined) return undefined;
  const match = layer.match(path);
  return match && typeof match.pattern === 'string' ? { text: match.pattern, length: match.path.length } : undefined;
}

/**
 * `request.route` stays the last route that matched when that calls `next()` and something else answers. Later versions
 * of the router keep the pattern that matched last, and whether an error is under way: its handler answers for the route.
 */
function wasPassedOn(request: object, { path }: Route): boolean {
  const symbol = Object.getOwnPropertySymbols(request).find((s) => s.description === 'router.tracing.matchedRoute');
  const last = symbol && (request as Record<symbol, unknown>)[symbol];
  if (symbol === undefined || last === path || (Array.isArray(path) && path.flat(Infinity).includes(last)))
    return false;
  return !(Symbol.for('router.tracing.publishedErrors') in request);
}
