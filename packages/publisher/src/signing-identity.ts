export interface SigningIdentity {
  readonly keyid: string;
  /** Base64 of the key's 32 bytes, as `waybill verify --signer KEYID=PUBLICKEY` takes it. */
  readonly publicKey: string;
  /** @returns the base64 of the Ed25519 signature over the text's UTF-8 bytes */
  sign(text: string): string;
}

export interface Signer {
  /** The identity, or null while there is none. Then this call also starts a try, if one is due. */
  peek(): SigningIdentity | null;
  /** Waits for the identity. @throws PublisherError UNSIGNED, at once when no try is due */
  identity(): Promise<SigningIdentity>;
  /** Resolves when the first try has ended, and never rejects. null once the first try has ended. */
  readonly firstTry: Promise<void> | null;
}
