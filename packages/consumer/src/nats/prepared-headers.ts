/**
 * Headers of blocks, of which thousands are sent that differ in a number or two. The client's own object looks through
 * all its names at each change and prints all of them anew: with small blocks a twentieth of the writer's time.
 */
import { MsgHdrsImpl } from '@nats-io/nats-core';

/** Names and values, in pairs, without line breaks. */
export type OwnHeaders = readonly (readonly [name: string, value: string | number])[];

export class BlockHeaders extends MsgHdrsImpl {
  /** What all of them begin with, as it stands in a message. */
  readonly #common: string;
  #own: OwnHeaders = [];

  /** @param common by name; checked by the client */
  constructor(common: Readonly<Record<string, string>>) {
    super();
    const made = new MsgHdrsImpl();
    for (const [name, value] of Object.entries(common)) made.set(name, value);
    this.#common = made.toString().slice(0, -LINE_BREAK.length);
  }

  /** The same object with other headers besides the common ones: good until the next call. `publish` prints it at once. */
  with(own: OwnHeaders): this {
    this.#own = own;
    return this;
  }

  /** What `publish` asks for. */
  override encode(): Uint8Array {
    let text = this.#common;
    for (const [name, value] of this.#own) text += `${name}: ${value}${LINE_BREAK}`;
    return Buffer.from(text + LINE_BREAK);
  }
}

const LINE_BREAK = '\r\n';
