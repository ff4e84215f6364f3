import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js';

/**
 * SHA-256 of a text's UTF-8 bytes as 64 lower-case hexadecimal characters.
 *
 * Every function that hashes takes one as a parameter, so that a server can pass a faster one (`node:crypto`). The
 * default is the portable reference, which also runs in a browser.
 */
export type Sha256 = (text: string) => string;

export const sha256Hex: Sha256 = (text) => bytesToHex(sha256(utf8ToBytes(text)));

/** The `prev_hash` of a chain's first entry. */
export const ZERO_HASH = '0'.repeat(64);

export const HASH_PATTERN = /^[0-9a-f]{64}$/;
