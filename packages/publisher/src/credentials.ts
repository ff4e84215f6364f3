/** Exactly one of these. Other ways go through `connect: { authenticator }`, and mTLS through `connect: { tls }`. */
export type Credentials =
  /** A `.creds` file: a user's JWT and its seed. */
  | { readonly credsFile: string }
  /** A file with an nkey seed, `SU…`. */
  | { readonly nkeySeedFile: string }
  /** An nkey seed itself, `SU…`. */
  | { readonly nkeySeed: string }
  | { readonly token: string }
  | { readonly user: string; readonly pass: string };
