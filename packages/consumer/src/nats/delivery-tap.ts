/**
 * A fast path for deliveries: takes the messages of our own JetStream consumer out of the connection's bytes before the
 * client's parser gets them. The client looks at each byte of a message's first line twice and makes nine views of the
 * message. That is a third of what chaining an event costs.
 *
 * Only the writer reads this way, and only when it is told to (writer/writer-paths.ts). The plain way is the
 * subscription's callback. Nothing that verifies or answers a question reaches this file: writer/writer-paths.test.ts
 * follows the imports.
 *
 * Everything else goes to the client unchanged: answers, acknowledgements, status messages, pings, other subscriptions.
 * The client gets whole protocol operations in their order, with some of them left out, which is a valid stream. So the
 * client keeps the connection: its sockets, TLS, identities, reconnecting. The tap patches the client's parser from
 * outside. It checks that the parser is built as expected; if not, all messages take the callback. It also leaves a
 * connection alone whose `subscribe` somebody has replaced: whoever does that wants to see the messages.
 *
 * https://docs.nats.io/reference/reference-protocols/nats-protocol
 */
import type { NatsConnection } from '@nats-io/nats-core';
import { createDeliveryInfoReader, type OnDelivery, type TapDeliveries } from './delivery-info.ts';

/** What is known of a client's parser. */
interface Parser {
  parse(bytes: Uint8Array): void;
  /** 0 between two operations. */
  readonly state: unknown;
}

const BETWEEN_OPERATIONS = 0;
/** By parser, which lives as long as a socket. */
const taps = new WeakMap<Parser, DeliveryTap>();

export const tapDeliveries: TapDeliveries = (nc, sub, onDelivery) => {
  if (nc.subscribe !== (Object.getPrototypeOf(nc) as Partial<NatsConnection>).subscribe) return null;
  const parser = (nc as { protocol?: { parser?: Partial<Parser> } }).protocol?.parser as Parser | undefined;
  if (typeof parser?.parse !== 'function') return null;
  let tap = taps.get(parser);
  if (!tap) {
    if (parser.state !== BETWEEN_OPERATIONS) return null;
    const parse = parser.parse.bind(parser);
    tap = new DeliveryTap(parse);
    parser.parse = tap.push;
    taps.set(parser, tap);
  }
  return tap.add(sub.getID(), onDelivery);
};

const LINE_FEED = 10;
const LETTER_H = 72;
const LETTER_M = 77;
/** After the line and after the payload. */
const LINE_BREAK = 2;

/** Reads a stream of the NATS protocol in chunks, cut anywhere. */
export class DeliveryTap {
  readonly #forward: (bytes: Uint8Array) => void;
  readonly #taken = new Map<
    string,
    { onDelivery: OnDelivery; parseDelivery: ReturnType<typeof createDeliveryInfoReader> }
  >();
  /** An operation whose end has not come yet, and how many bytes it takes to go on with it. */
  #rest: Uint8Array[] = [];
  #restLength = 0;
  #needed = 0;

  /** @param forward takes everything that is nobody's, in whole operations */
  constructor(forward: (bytes: Uint8Array) => void) {
    this.#forward = forward;
  }

  add(sid: number, onDelivery: OnDelivery): () => void {
    this.#taken.set(String(sid), { onDelivery, parseDelivery: createDeliveryInfoReader() });
    return () => void this.#taken.delete(String(sid));
  }

  readonly push = (chunk: Uint8Array): void => {
    if (this.#restLength === 0) {
      if (this.#taken.size === 0) this.#forward(chunk);
      else this.#read(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length));
      return;
    }
    this.#rest.push(chunk);
    this.#restLength += chunk.length;
    if (this.#restLength < this.#needed) return;
    const whole = Buffer.concat(this.#rest);
    this.#rest = [];
    this.#restLength = 0;
    this.#read(whole);
  };

  #read(bytes: Buffer): void {
    /** Where what is to be forwarded begins. */
    let start = 0;
    let at = 0;
    let needed = 0;
    while (at < bytes.length) {
      const lineEnd = bytes.indexOf(LINE_FEED, at);
      if (lineEnd < 0) {
        needed = bytes.length - at + 1;
        break;
      }
      const letter = bytes[at];
      if (letter !== LETTER_H && letter !== LETTER_M) {
        at = lineEnd + 1;
        continue;
      }
      // HMSG <subject> <sid> [reply] <header bytes> <total bytes>, or MSG without the header's.
      const line = bytes.toString('utf8', at, lineEnd - 1);
      const payloadEnd = lineEnd + 1 + decimalAfter(line, line.lastIndexOf(' '));
      const end = payloadEnd + LINE_BREAK;
      if (end > bytes.length) {
        needed = end - at;
        break;
      }
      const subjectStart = letter === LETTER_H ? 5 : 4;
      const subjectEnd = line.indexOf(' ', subjectStart);
      const sidEnd = line.indexOf(' ', subjectEnd + 1);
      const taken = this.#taken.get(line.slice(subjectEnd + 1, sidEnd));
      const replyEnd = line.indexOf(' ', sidEnd + 1);
      const delivery = taken && replyEnd > 0 ? taken.parseDelivery(line.slice(sidEnd + 1, replyEnd)) : null;
      if (taken && delivery) {
        const headerLength = letter === LETTER_H ? decimalAfter(line, replyEnd) : 0;
        if (start < at) this.#forward(bytes.subarray(start, at));
        start = end;
        taken.onDelivery(
          line.slice(subjectStart, subjectEnd),
          bytes.subarray(lineEnd + 1 + headerLength, payloadEnd),
          delivery,
        );
      }
      at = end;
    }
    if (start < at) this.#forward(bytes.subarray(start, at));
    if (at === bytes.length) return;
    this.#rest.push(bytes.subarray(at));
    this.#restLength = bytes.length - at;
    this.#needed = needed;
  }
}

/** The number after a space. */
function decimalAfter(line: string, space: number): number {
  let value = 0;
  for (let i = space + 1; i < line.length; i++) {
    const digit = line.charCodeAt(i) - 48;
    if (digit < 0 || digit > 9) break;
    value = value * 10 + digit;
  }
  return value;
}
