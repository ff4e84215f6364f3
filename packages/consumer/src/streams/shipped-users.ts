/**
 * Which user in deploy/nats-server.conf has the permission that the present identity lacks. Most people who see such an
 * error have connected as the wrong one of these users. test/operations/wrong-identity.test.ts holds this to that file.
 */
import { errors } from '@nats-io/nats-core';

type ShippedUser = 'admin' | 'service' | 'auditor' | 'reader' | 'access-admin' | 'access-reader';

/** By denied subject, the user with the least permissions that may publish it. The first match counts. */
const MAY_PUBLISH: readonly (readonly [RegExp, ShippedUser])[] = [
  [/^\$JS\.API\.STREAM\.MSG\.GET\.ACCESS$/, 'access-reader'],
  [/^\$JS\.API\.STREAM\.\w+\.ACCESS$/, 'access-admin'],
  [/^access\.token\./, 'access-admin'],
  [/^audit\.audit\./, 'reader'],
  [/^\$JS\.API\.STREAM\.(CREATE|UPDATE)\./, 'admin'],
  [/^\$JS\.API\.CONSUMER\.(CREATE|MSG\.NEXT|DELETE)\./, 'service'],
  [/^ledger\./, 'service'],
  [/^waybill\.control\./, 'admin'],
  [/^\$JS\.API\.(INFO$|STREAM\.(INFO|MSG\.GET)\.|DIRECT\.GET\.)/, 'auditor'],
];

/**
 * @returns a clause for the end of a message; empty when the error is no denial, or no shipped user has the permission
 */
export function whoMay(failure: unknown): string {
  for (let error = failure; error instanceof Error; error = error.cause) {
    if (!(error instanceof errors.PermissionViolationError) || error.operation !== 'publish') continue;
    const { subject } = error;
    const user = MAY_PUBLISH.find(([pattern]) => pattern.test(subject))?.[1];
    return user === undefined ? '' : `; of the users in deploy/nats-server.conf, ${user} may`;
  }
  return '';
}
