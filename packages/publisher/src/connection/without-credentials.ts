import { shownServer } from '@waybill/schema/internal';

/**
 * Removes users, passwords and tokens from a message of a client or of the function that makes the connection.
 *
 * @param servers as they are configured: their hosts and ports stay in the message
 */
export function withoutCredentials(message: string, servers: readonly string[] = []): string {
  let text = message;
  for (const server of servers) text = text.replaceAll(server, shownServer(server) ?? '(a server)');
  // In any other address the end of the password is not known, so everything before the last @ goes.
  return text.replace(/:\/\/[^]*@/, '://***@');
}
