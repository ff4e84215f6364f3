export interface SigningIdentity {
  readonly keyid: string;
  /** Base64 of the 32 bytes: what `waybill verify --signer KEYID=PUBLICKEY` takes. */
  readonly publicKey: string;
  /** @returns the base64 of the Ed25519 signature over the text's UTF-8 bytes */
  sign(text: string): string;
}

export interface Signer {
  /** The identity, or null when there is none yet or none can be had; then it is tried for, when a try is due. */
  peek(): SigningIdentity | null;
  /** Waits for the identity. @throws PublisherError UNSIGNED, at once while waiting for the next try */
  identity(): Promise<SigningIdentity>;
  /** Settles, never rejecting, when the first try has ended. null: it has. */
  readonly firstTry: Promise<void> | null;
}
