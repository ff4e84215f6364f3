/** The connection that the publisher has at present: where it comes from, when it is there, and why it is not. */
import { connectionFault, splitServers } from '@waybill/schema';
import type { ConnectionLike } from '../connection-like.ts';
import type { PublisherStatus } from '../handle.ts';
import type { Settings } from '../options.ts';
import { type Source, startSupply } from './connection-supply.ts';
import { startDial } from './dial.ts';
import { type Denial, type Link, watchConnection } from './link.ts';
import { serverAddress } from './nats-identity.ts';
import { withoutCredentials } from './without-credentials.ts';

/** Whoever sends over the connection. */
interface ConnectionUser {
  connect(link: Link): void;
  disconnect(): void;
  denied(denial: Denial): void;
}

export interface CurrentConnectionOptions {
  readonly settings: Settings;
  readonly user: ConnectionUser;
  /** The connection went away. */
  lost(): void;
  /** One could not be had; it is tried again. */
  failed(reason: string): void;
}

export interface CurrentConnection {
  readonly connected: boolean;
  /** Why it is not connected; null: it is. */
  readonly trouble: PublisherStatus | null;
  /** Begins with what the options say. */
  start(): void;
  /** Takes this connection in place of the present one, which is closed if it is the publisher's own. */
  bind(connection: ConnectionLike): void;
  /** The publisher's own connection, or the dialling of one, does not keep the process any more. */
  unref(): void;
  /** Stops listening to the connection. */
  release(): void;
  /** Closes the publisher's own one, and opens no other. */
  close(): Promise<void>;
}

export function createCurrentConnection({ settings, user, lost, failed }: CurrentConnectionOptions): CurrentConnection {
  let link: Link | null = null;
  /** Why there is no link. */
  let offline = 'connecting';
  /** What the publisher dials itself. */
  let dialled = '';
  let everConnected = false;
  let dial: Source | null = null;
  let release = (): void => {};

  function attach(connection: ConnectionLike): void {
    const mine: Link = watchConnection(
      connection,
      {
        up() {
          dial?.up();
          link = mine;
          everConnected = true;
          user.connect(mine);
        },
        down: () => detach(disconnected()),
        gone() {
          mine.release();
          detach(dial ? 'the connection was closed, dialling again' : 'the connection was closed by its owner');
          dial?.again();
        },
        denied: (denial) => user.denied(denial),
      },
      settings.inboxPrefix,
    );
    // A client that is between two servers has no info; it says `reconnect` then.
    if (connection.isClosed()) detach('the connection was closed by its owner');
    else if (connection.info === undefined) detach(disconnected());
    else {
      link = mine;
      everConnected = true;
      user.connect(mine);
    }
    release = () => mine.release();
  }

  function detach(reason: string): void {
    link = null;
    offline = reason;
    user.disconnect();
    lost();
  }

  function disconnected(): string {
    return `disconnected${dialled && ` from ${dialled}`}, reconnecting`;
  }

  function notHad(error: unknown): void {
    offline = `cannot connect${dialled && ` to ${dialled}`}: ${withoutCredentials(connectionFault(error), splitServers(settings.servers))}`;
    failed(offline);
  }

  return {
    get connected() {
      return link !== null;
    },
    get trouble(): PublisherStatus | null {
      if (link !== null) return null;
      return { state: everConnected || !dial ? 'degraded' : 'connecting', reason: offline };
    },
    start() {
      const bounds = { minMs: settings.backoffMinMs, maxMs: settings.backoffMaxMs };
      const { connection, connect = {} } = settings;
      if (connection === 'later') offline = 'no connection was bound yet';
      else if (typeof connection === 'function') {
        offline = 'connecting: the function that gives the connection has not answered yet';
        dial = startSupply({ ...bounds, make: connection, connected: attach, failed: notHad });
      } else if (connection) attach(connection);
      else {
        const { servers, tls, identity } = serverAddress(settings);
        const credentials = identity ?? settings.credentials;
        dialled = `NATS at ${servers.join(', ')}`;
        dial = startDial({ ...bounds, servers, tls, connect, credentials, connected: attach, failed: notHad });
      }
    },
    bind(connection) {
      const before = dial;
      dial = null;
      dialled = '';
      release();
      detach(disconnected());
      before?.close().catch(() => {});
      attach(connection);
    },
    unref: () => dial?.unref(),
    release: () => release(),
    async close() {
      await dial?.close().catch(() => {});
    },
  };
}
