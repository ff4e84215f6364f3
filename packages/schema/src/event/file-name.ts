/**
 * An organization as the name of a file. Capitals are written as in Go's module cache (`!acme` for `Acme`), so that `Acme`
 * and `acme` are two files on every disk. No organization has an exclamation mark.
 */
export function organizationFileName(orgid: string): string {
  return orgid.replaceAll(/[A-Z]/g, (capital) => `!${capital.toLowerCase()}`);
}
