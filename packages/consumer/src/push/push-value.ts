/**
 * The values that are pushed: one for each organization, meter and window in which the meter counted something.
 *
 * A value's id is derived from the proof, so that whoever computes it again gets the same one, and a ledger that says
 * something else gets another one:
 *
 *     id = hex( SHA-256( UTF-8 of JCS({ from, meter, orgid, to }) ) )[0, 40)
 *
 * `from` and `to` are the hashes of the last entries before the window and before its end, each 64 hexadecimal digits;
 * where there is no such entry, 64 zeros. `meter` is Waybill's name of it, not the engine's.
 *
 * A window without entries has the same hash twice. Two such windows in a row would have the same id, and their values
 * are 0. So a value of 0 is never pushed.
 */
import { canonicalJson, ZERO_HASH } from '@waybill/schema/internal';
import { ConsumerError } from '../errors.ts';
import { nodeSha256 } from '../sha256.ts';
import type { Boundary, Usage } from '../usage/usage-answer.ts';
import { amountOf, type Meter, type MeterNames } from './meters.ts';

export interface PushValue {
  /** 40 hexadecimal digits. */
  readonly id: string;
  readonly orgid: string;
  readonly meter: Meter;
  /** The engine's name of the meter. */
  readonly name: string;
  /** The engine's id of the organization. */
  readonly customer: string;
  /** UTC, milliseconds: received time, half-open. */
  readonly from: string;
  readonly to: string;
  /** A decimal string, not 0. */
  readonly value: string;
  /**
   * When the engine shall count it: the whole second in the middle of the window, in milliseconds since the epoch. The
   * middle of a local day is on the same day in UTC, in every zone less than 11 hours from it. So an engine whose months
   * are those of UTC puts it into the right one.
   */
  readonly at: number;
  /** `SEQ:HASH` of the last entries before the window and before its end. */
  readonly proof: { readonly from: string; readonly to: string };
}

const ID_LENGTH = 40;

/**
 * @param usage final, with windows
 * @throws ConsumerError BAD_ARGUMENT for a window that has no whole second
 */
export function valuesOf(usage: Usage, names: MeterNames, customer: string): PushValue[] {
  const { orgid, windows = [] } = usage;
  const meters = Object.entries(names) as [Meter, string][];
  return windows.flatMap((window) => {
    const { from, to, boundary } = window;
    return meters.flatMap(([meter, name]) => {
      const value = amountOf(meter, window);
      if (value === '0') return [];
      const proof = { from: headText(boundary.from), to: headText(boundary.to) };
      const hashes = { from: boundary.from?.hash ?? ZERO_HASH, to: boundary.to?.hash ?? ZERO_HASH };
      return [
        {
          id: pushId(orgid, meter, hashes),
          orgid,
          meter,
          name,
          customer,
          from,
          to,
          value,
          at: middle(from, to),
          proof,
        },
      ];
    });
  });
}

export function pushId(orgid: string, meter: Meter, hashes: { readonly from: string; readonly to: string }): string {
  const { from, to } = hashes;
  return nodeSha256(canonicalJson({ from, meter, orgid, to })).slice(0, ID_LENGTH);
}

function headText(boundary: Boundary | null): string {
  return boundary ? `${boundary.seq}:${boundary.hash}` : `0:${ZERO_HASH}`;
}

function middle(from: string, to: string): number {
  const [first, end] = [Date.parse(from), Date.parse(to)];
  const second = Math.floor((first + end) / 2000) * 1000;
  if (second >= first) return second;
  throw new ConsumerError(
    'BAD_ARGUMENT',
    `the window from ${from} to ${to} has usage and no whole second in its middle: engines bill by the second`,
  );
}

/** For messages. */
export function describeValue({ id, orgid, meter, customer, from, to, value }: PushValue): string {
  return `${meter} of ${orgid} (customer ${customer}) from ${from} to ${to}, ${value}, id ${id}`;
}
