/**
 * Which of the users in deploy/nats-server.conf may do what an identity was refused: the name that most people need who
 * connected as the wrong one. test/operations/wrong-identity.test.ts holds it to that file.
 */
import { errors } from '@nats-io/nats-core';

/** The least that may. */
type ShippedUser = 'admin' | 'service' | 'auditor';

/** By the subject that was refused; the first that fits. Of the ledger's prefix, the shipped one. */
const MAY_PUBLISH: readonly (readonly [RegExp, ShippedUser])[] = [
  [/^\$JS\.API\.STREAM\.(CREATE|UPDATE)\./, 'admin'],
  [/^\$JS\.API\.CONSUMER\.(CREATE|MSG\.NEXT|DELETE)\./, 'service'],
  [/^ledger\./, 'service'],
  [/^\$JS\.API\.(INFO$|STREAM\.(INFO|MSG\.GET)\.|DIRECT\.GET\.)/, 'auditor'],
];

/** @returns a clause for the end of a message; empty when the error is no refusal, or no shipped user may do it */
export function whoMay(failure: unknown): string {
  for (let error = failure; error instanceof Error; error = error.cause) {
    if (!(error instanceof errors.PermissionViolationError) || error.operation !== 'publish') continue;
    const { subject } = error;
    const user = MAY_PUBLISH.find(([pattern]) => pattern.test(subject))?.[1];
    return user === undefined ? '' : `; of the users in deploy/nats-server.conf, ${user} may`;
  }
  return '';
}
