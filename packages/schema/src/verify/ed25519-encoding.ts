/**
 * Decides which bytes are a public key and a signature of Ed25519, before any library checks a signature.
 *
 * RFC 8032 leaves room for differences. OpenSSL, WebCrypto and noble disagree about points that are not in canonical
 * encoding and about points of small order, and so do versions of OpenSSL. This file refuses such points, and an S that
 * is not below the group's order. What is left is the equation without cofactor. All implementations that check this
 * equation agree.
 */

const P = 2n ** 255n - 19n;
/** The order of the base point. */
const ORDER = 2n ** 252n + 27742317777372353535851937790883648493n;
/** −121665/121666: the constant of the curve −x² + y² = 1 + dx²y². */
const D = 37095705934669439343138083508754565189542113879843219016388785533085940283555n;

/** The canonical encodings of the points with 8·P = 0, and the two encodings with a negative zero, in hexadecimal. */
const SMALL_ORDER: ReadonlySet<string> = new Set([
  '0000000000000000000000000000000000000000000000000000000000000000',
  '0000000000000000000000000000000000000000000000000000000000000080',
  '0100000000000000000000000000000000000000000000000000000000000000',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  '0100000000000000000000000000000000000000000000000000000000000080',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff',
]);

/** Whether 32 bytes are a usable key: the canonical encoding of a point that is not of small order. */
export function isPublicKey(bytes: Uint8Array): boolean {
  if (!isPlainPoint(bytes)) return false;
  const y = littleEndian(bytes) & (2n ** 255n - 1n);
  const y2 = (y * y) % P;
  const u = y2 - 1n;
  const v = (D * y2 + 1n) % P;
  // x² = u/v is a square when u·v is, by Euler's criterion. v is never 0. Points with x = 0 are of small order.
  return power((((u * v) % P) + P) % P, (P - 1n) / 2n) === 1n;
}

/**
 * Whether 64 bytes can be a signature R ‖ S: S is below the group's order; R is canonical and not of small order. That
 * R is a point follows from the equation, which computes a point and compares its encoding.
 */
export function isSignature(bytes: Uint8Array): boolean {
  return bytes.length === 64 && isPlainPoint(bytes.subarray(0, 32)) && littleEndian(bytes.subarray(32)) < ORDER;
}

/** Whether y is below p and the point is not of small order. */
function isPlainPoint(bytes: Uint8Array): boolean {
  if (bytes.length !== 32) return false;
  return (littleEndian(bytes) & (2n ** 255n - 1n)) < P && !SMALL_ORDER.has(hex(bytes));
}

function littleEndian(bytes: Uint8Array): bigint {
  return BigInt(`0x${hex(bytes.toReversed())}`);
}

function hex(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += byte.toString(16).padStart(2, '0');
  return text;
}

function power(base: bigint, exponent: bigint): bigint {
  let result = 1n;
  let square = base;
  for (let rest = exponent; rest > 0n; rest >>= 1n) {
    if (rest & 1n) result = (result * square) % P;
    square = (square * square) % P;
  }
  return result;
}
