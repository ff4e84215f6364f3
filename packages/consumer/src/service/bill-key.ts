import { createBillSigner, type PublicBillSigner } from '../bill/bill-signer.ts';
import { readSecretFile, unusableFile } from '../config/secret-file.ts';
import { ConsumerError } from '../errors.ts';

/** @param name of the variable or the option, for messages @throws ConsumerError BAD_CONFIG, never with the secret */
export function readBillSigner(name: string, file: string): PublicBillSigner {
  const secret = readSecretFile(name, file).toString('utf8');
  try {
    return createBillSigner({ secret });
  } catch (error) {
    if (!(error instanceof ConsumerError)) throw error;
    throw unusableFile(name, file, error.message);
  }
}
