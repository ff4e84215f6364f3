/**
 * Why a NATS connection failed, in words for people. The official client's own words are often unclear. Its errors are
 * recognized by their names, so that this file does not load the client.
 */

/** Names of errors of `@nats-io/nats-core` 3.x. */
const BY_NAME: Readonly<Record<string, string>> = {
  AuthorizationError: 'the server refuses this identity: check user and password, token or credentials',
  UserAuthenticationExpiredError: 'the server refuses this identity: it has expired',
  TimeoutError: 'no answer in time',
};
const NOT_NATS = 'what listens there does not speak NATS';
const BY_CODE: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nobody listens there',
  ENOTFOUND: 'there is no such host',
  EAI_AGAIN: 'the name of the host cannot be looked up just now',
  EHOSTUNREACH: 'the host cannot be reached',
  ENETUNREACH: 'the host cannot be reached',
  ETIMEDOUT: 'no answer in time',
  ECONNRESET: `the connection is closed at once: perhaps ${NOT_NATS}`,
  ERR_SSL_WRONG_VERSION_NUMBER: 'what listens there does not speak TLS',
};
/** Messages of errors that have neither their own name nor their own code. */
const BY_MESSAGE: readonly (readonly [RegExp, string])[] = [
  [/authorization violation/i, BY_NAME['AuthorizationError'] as string],
  [/unexpected response from server/, NOT_NATS],
  // The socket was closed before the server sent anything.
  [/node provided an undefined error/, `the connection is closed at once: perhaps ${NOT_NATS}`],
];

/** @returns words for the first error in the chain of causes that is known here; else the message of `failure` */
export function connectionFault(failure: unknown): string {
  for (let error = failure; error instanceof Error; error = error.cause) {
    const code = String((error as { code?: unknown }).code);
    const { name, message } = error;
    if (Object.hasOwn(BY_NAME, name)) return BY_NAME[name] as string;
    if (Object.hasOwn(BY_CODE, code)) return BY_CODE[code] as string;
    const known = BY_MESSAGE.find(([pattern]) => pattern.test(message));
    if (known) return known[1];
  }
  return failure instanceof Error ? failure.message : String(failure);
}
