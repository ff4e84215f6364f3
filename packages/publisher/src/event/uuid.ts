import { randomFillSync } from 'node:crypto';

/**
 * UUIDv7 (RFC 9562 §5.7): 48 bits of Unix milliseconds, a 12-bit counter that starts at a random value in each
 * millisecond (§6.2, method 1), and 62 random bits. Ids of one generator are strictly increasing, also when the
 * clock goes backwards or more than 2,048 are made in one millisecond (the timestamp then runs ahead).
 */
export function createUuidV7(): (nowMs: number) => string {
  const pool = new Uint8Array(8192);
  let used = pool.length;
  let lastMs = -1;
  let counter = 0;
  let prefix = '';

  const startMillisecond = (ms: number): void => {
    lastMs = ms;
    // The top bit is 0, so that at least 2,048 ids fit.
    counter = (((pool[used] as number) << 8) | (pool[used + 1] as number)) & 0x7ff;
    const hex = ms.toString(16).padStart(12, '0');
    prefix = `${hex.slice(0, 8)}-${hex.slice(8)}-7`;
  };

  return (nowMs) => {
    if (used + 10 > pool.length) {
      randomFillSync(pool);
      used = 0;
    }
    if (nowMs > lastMs) startMillisecond(nowMs);
    else if (++counter > 0xfff) startMillisecond(lastMs + 1);
    const at = used + 2;
    used += 10;
    return (
      prefix +
      HEX12[counter] +
      VARIANT[pool[at] as number] +
      BYTE[pool[at + 1] as number] +
      '-' +
      BYTE[pool[at + 2] as number] +
      BYTE[pool[at + 3] as number] +
      BYTE[pool[at + 4] as number] +
      BYTE[pool[at + 5] as number] +
      BYTE[pool[at + 6] as number] +
      BYTE[pool[at + 7] as number]
    );
  };
}

const hex = (value: number, digits: number): string => value.toString(16).padStart(digits, '0');
const BYTE = Array.from({ length: 256 }, (_, byte) => hex(byte, 2));
const HEX12 = Array.from({ length: 4096 }, (_, value) => hex(value, 3));
/** `-` and the byte that starts with the variant bits 10. */
const VARIANT = Array.from({ length: 256 }, (_, byte) => `-${hex(0x80 | (byte & 0x3f), 2)}`);
