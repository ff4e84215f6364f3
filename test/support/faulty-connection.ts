/** A real connection to a real server that fails where a test wants it to. */
import type { Msg, NatsConnection, Payload, PublishOptions, RequestOptions } from '@nats-io/nats-core';

/**
 * - `not sent`: the operation never reaches the server, and the caller hears nothing (publish) or an error (request)
 * - `not heard`: the server does it, and the answer is lost
 * - `killed before` / `killed after`: from then on nothing reaches the server any more, as if the process were gone
 */
export const FAULTS = ['not sent', 'not heard', 'killed before', 'killed after'] as const;
export type Fault = (typeof FAULTS)[number];

export interface FaultyConnection {
  readonly nc: NatsConnection;
  /** Operations so far: every publish and every request that matches. */
  readonly operations: string[];
}

/** @param at the operation to fail, from 0; -1 for none */
export function faultyConnection(real: NatsConnection, { at, fault }: { at: number; fault: Fault }): FaultyConnection {
  const operations: string[] = [];
  const lostReplies = new Set<string>();
  let dead = false;

  /** @returns whether to do it, and whether the answer may be heard */
  function next(operation: string): { send: boolean; hear: boolean } {
    if (dead) return { send: false, hear: false };
    const hit = operations.length === at;
    operations.push(operation);
    if (!hit) return { send: true, hear: true };
    dead = fault.startsWith('killed');
    return { send: fault === 'not heard' || fault === 'killed after', hear: false };
  }

  async function request(subject: string, payload?: Payload, options?: RequestOptions): Promise<Msg> {
    const { send, hear } = next(subject);
    const answer = send ? await real.request(subject, payload, options) : undefined;
    if (answer && hear) return answer;
    throw new Error(`fault: ${subject} was ${send ? 'done, but the answer was lost' : 'not sent'}`);
  }

  function publish(subject: string, payload?: Payload, options?: PublishOptions): void {
    const { send, hear } = next(subject);
    if (!hear && options?.reply) lostReplies.add(options.reply);
    if (send) real.publish(subject, payload, options);
  }

  const subscribe: NatsConnection['subscribe'] = (subject, options) => {
    const callback = options?.callback;
    if (!callback) return real.subscribe(subject, options);
    return real.subscribe(subject, {
      ...options,
      callback: (error, message) => (dead || lostReplies.has(message.subject) ? undefined : callback(error, message)),
    });
  };

  const own: Record<PropertyKey, unknown> = { request, publish, subscribe };
  const nc = new Proxy(real, {
    get(target, property) {
      if (Object.hasOwn(own, property)) return own[property];
      const value: unknown = Reflect.get(target, property, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
  return { nc, operations };
}
