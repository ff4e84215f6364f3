/** Exactly one of these. For anything else there is `connect: { authenticator }`; for mTLS, `connect: { tls }`. */
export type Credentials =
  /** A `.creds` file: a user's JWT and its seed. */
  | { readonly credsFile: string }
  /** A file that has an nkey seed, `SU…`. */
  | { readonly nkeySeedFile: string }
  /** An nkey seed itself, `SU…`. */
  | { readonly nkeySeed: string }
  | { readonly token: string }
  | { readonly user: string; readonly pass: string };
