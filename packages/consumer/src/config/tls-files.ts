/**
 * Certificates and the key of a client. The client reads the files at every dial; they are read here once before the first,
 * because an error there does not say which file it is about, and would be waited for as if the server were not there.
 */
import { X509Certificate } from 'node:crypto';
import { createSecureContext, type SecureContextOptions } from 'node:tls';
import type { NatsSettings } from './config.ts';
import { readSecretFile, unusableFile } from './secret-file.ts';

const CA = 'WAYBILL_NATS_TLS_CA_FILE';
const CERT = 'WAYBILL_NATS_TLS_CERT_FILE';
const KEY = 'WAYBILL_NATS_TLS_KEY_FILE';

/** @throws ConsumerError BAD_CONFIG naming the variable */
export function checkTlsFiles({ tlsCaFile, tlsCertFile, tlsKeyFile }: NatsSettings): void {
  if (tlsCaFile !== undefined) {
    const ca = readSecretFile(CA, tlsCaFile);
    // OpenSSL takes a file without any certificate for an empty list of authorities.
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
