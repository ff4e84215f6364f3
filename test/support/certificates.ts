/**
 * Certificates for a test's server and clients: X.509 v3 (RFC 5280) over P-256, in DER by hand, since Node reads
 * certificates and does not make them. As little of it as TLS asks for.
 */
import { generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';

interface Issued {
  /** PEM. */
  readonly cert: string;
  /** PKCS #8, PEM. */
  readonly key: string;
}

export interface CertificateAuthority extends Issued {
  /** For a server on loopback, or a client. */
  issue(commonName: string): Issued;
}

export function createCertificateAuthority(commonName: string): CertificateAuthority {
  const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const make = (name: string, publicKey: KeyObject, extensions: Buffer[]): string => {
    const tbs = sequence(
      explicit(0, integer(Buffer.from([2]))),
      integer(Buffer.concat([Buffer.from([1]), randomBytes(8)])),
      ECDSA_WITH_SHA256,
      distinguishedName(commonName),
      // One hour back, in case of a clock that was set; two hours of use.
      sequence(utcTime(Date.now() - 3_600_000), utcTime(Date.now() + 7_200_000)),
      distinguishedName(name),
      publicKey.export({ format: 'der', type: 'spki' }),
      explicit(3, sequence(...extensions)),
    );
    return pem(sequence(tbs, ECDSA_WITH_SHA256, bitString(sign('sha256', tbs, pair.privateKey))));
  };
  return {
    cert: make(commonName, pair.publicKey, [extension('551d13', sequence(BOOLEAN_TRUE))]),
    key: pkcs8(pair.privateKey),
    issue(name) {
      const own = generateKeyPairSync('ec', { namedCurve: 'P-256' });
      const localhost = tlv(0x82, Buffer.from('localhost'));
      const loopback = tlv(0x87, Buffer.from([127, 0, 0, 1]));
      const cert = make(name, own.publicKey, [extension('551d11', sequence(localhost, loopback))]);
      return { cert, key: pkcs8(own.privateKey) };
    },
  };
}

function tlv(tag: number, ...contents: Buffer[]): Buffer {
  const content = Buffer.concat(contents);
  const length = content.length;
  const head = length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 255];
  return Buffer.concat([Buffer.from([tag, ...head]), content]);
}

const sequence = (...items: Buffer[]): Buffer => tlv(0x30, ...items);
const explicit = (number: number, item: Buffer): Buffer => tlv(0xa0 + number, item);
const integer = (bytes: Buffer): Buffer => tlv(0x02, bytes);
const bitString = (bytes: Buffer): Buffer => tlv(0x03, Buffer.from([0]), bytes);
const objectIdentifier = (hex: string): Buffer => tlv(0x06, Buffer.from(hex, 'hex'));
const BOOLEAN_TRUE = tlv(0x01, Buffer.from([255]));
/** 1.2.840.10045.4.3.2 */
const ECDSA_WITH_SHA256 = sequence(objectIdentifier('2a8648ce3d040302'));

/** CN (2.5.4.3) alone. */
function distinguishedName(commonName: string): Buffer {
  return sequence(tlv(0x31, sequence(objectIdentifier('550403'), tlv(0x0c, Buffer.from(commonName)))));
}

/** Critical ones, for simplicity: both that are used here are known to everybody. */
function extension(id: string, value: Buffer): Buffer {
  return sequence(objectIdentifier(id), BOOLEAN_TRUE, tlv(0x04, value));
}

function utcTime(ms: number): Buffer {
  return tlv(0x17, Buffer.from(`${new Date(ms).toISOString().slice(2, 19).replaceAll(/[-:T]/g, '')}Z`));
}

function pem(der: Buffer): string {
  const lines = der.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
}

function pkcs8(key: KeyObject): string {
  return key.export({ format: 'pem', type: 'pkcs8' });
}
