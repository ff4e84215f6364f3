/**
 * Checks the files with certificates and the client's key. The client itself reads them at every dial. Its errors do
 * not say which file is wrong, and they look like those of a server that cannot be reached, which `serve` waits for. So
 * the files are checked once before the first dial.
 */
import { X509Certificate } from 'node:crypto';
import { createSecureContext, type SecureContextOptions } from 'node:tls';
import type { NatsConfig } from './nats-config.ts';
import { readSecretFile, unusableFile } from './secret-file.ts';

const CA = 'WAYBILL_NATS_TLS_CA_FILE';
const CERT = 'WAYBILL_NATS_TLS_CERT_FILE';
const KEY = 'WAYBILL_NATS_TLS_KEY_FILE';

/** @throws ConsumerError BAD_CONFIG naming the variable */
export function checkTlsFiles({ tlsCaFile, tlsCertFile, tlsKeyFile }: NatsConfig): void {
  if (tlsCaFile !== undefined) {
    const ca = readSecretFile(CA, tlsCaFile);
    // To OpenSSL, a file without any certificate is an empty list of authorities.
    if (!isUsable({ ca }) || !hasCertificate(ca))
      throw unusableFile(CA, tlsCaFile, 'it does not have certificates (PEM)');
  }
  if (tlsCertFile === undefined || tlsKeyFile === undefined) return;
  const cert = readSecretFile(CERT, tlsCertFile);
  const key = readSecretFile(KEY, tlsKeyFile);
  if (!isUsable({ cert })) throw unusableFile(CERT, tlsCertFile, 'it does not have a certificate (PEM)');
  if (!isUsable({ key }))
    throw unusableFile(KEY, tlsKeyFile, 'it does not have a private key (PEM) without a passphrase');
  if (!isUsable({ cert, key })) throw unusableFile(KEY, tlsKeyFile, `it is not the key of the certificate in ${CERT}`);
}

function isUsable(options: SecureContextOptions): boolean {
  try {
    createSecureContext(options);
    return true;
  } catch {
    return false;
  }
}

function hasCertificate(pem: Buffer): boolean {
  try {
    return new X509Certificate(pem).subject !== undefined;
  } catch {
    return false;
  }
}
