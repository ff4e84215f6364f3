import { shownServer } from '@waybill/schema';

/**
 * A message of a client, or of whoever makes the connection, with nothing of a user, a password or a token.
 *
 * @param servers as they are configured: of these, the host and the port stay
 */
export function withoutCredentials(message: string, servers: readonly string[] = []): string {
  let text = message;
  for (const server of servers) text = text.replaceAll(server, shownServer(server) ?? '(a server)');
  // Any other address: where its password ends is not known, so what comes before the last @ goes.
  return text.replace(/:\/\/[^]*@/, '://***@');
}
