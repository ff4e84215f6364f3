/**
 * Why a NATS connection could not be had, for people. The official client says some of it in words that only its authors
 * know. Its errors are known here by their names, so that nothing of the client is loaded for it.
 */

/** Of `@nats-io/nats-core` 3.x. */
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
/** Messages of errors that have neither a name nor a code of their own. */
const BY_MESSAGE: readonly (readonly [RegExp, string])[] = [
  [/authorization violation/i, BY_NAME['AuthorizationError'] as string],
  [/unexpected response from server/, NOT_NATS],
  // The socket was closed before the server said anything.
  [/node provided an undefined error/, `the connection is closed at once: perhaps ${NOT_NATS}`],
];

/** @returns the first of its causes that is known here, in words for people; else its own message */
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
