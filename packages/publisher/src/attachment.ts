/** The connection that the publisher has at present: where it comes from, when it is there, and why it is not. */
import { type ConnectionLike, type Link, watchConnection } from './connection.ts';
import type { Delivery } from './delivery.ts';
import { startDial } from './dial.ts';
import type { PublisherStatus } from './handle.ts';
import { serverList, type Settings } from './options.ts';
import { withoutCredentials } from './report.ts';
import { type Source, startSupply } from './supply.ts';

export interface AttachmentOptions {
  readonly settings: Settings;
  readonly delivery: Pick<Delivery, 'connect' | 'disconnect' | 'denied'>;
  /** The connection went away. */
  lost(): void;
  /** One could not be had; it is tried again. */
  failed(reason: string): void;
}

export interface Attachment {
  readonly connected: boolean;
  /** Why it is not connected; null: it is. */
  readonly trouble: PublisherStatus | null;
  /** Begins with what the options say. */
  start(): void;
  /** Takes this connection in place of the present one, which is closed if it is the publisher's own. */
  bind(connection: ConnectionLike): void;
  /** Stops listening to the connection. */
  release(): void;
  /** Closes the publisher's own one, and opens no other. */
  close(): Promise<void>;
}

export function createAttachment({ settings, delivery, lost, failed }: AttachmentOptions): Attachment {
  let link: Link | null = null;
  /** Why there is no link. */
  let offline = 'connecting';
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
          delivery.connect(mine);
        },
        down: () => detach('disconnected, reconnecting'),
        gone() {
          mine.release();
          detach(dial ? 'the connection was closed, dialling again' : 'the connection was closed by its owner');
          dial?.again();
        },
        denied: (denial) => delivery.denied(denial),
      },
      settings.inboxPrefix,
    );
    // A client that is between two servers has no info; it says `reconnect` then.
    if (connection.isClosed()) detach('the connection was closed by its owner');
    else if (connection.info === undefined) detach('disconnected, reconnecting');
    else {
      link = mine;
      everConnected = true;
      delivery.connect(mine);
    }
    release = () => mine.release();
  }

  function detach(reason: string): void {
    link = null;
    offline = reason;
    delivery.disconnect();
    lost();
  }

  function notHad(error: unknown): void {
    offline = `cannot connect: ${withoutCredentials(error instanceof Error ? error.message : String(error))}`;
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
      const { connection, connect = {}, credentials } = settings;
      if (connection === 'later') offline = 'no connection was bound yet';
      else if (typeof connection === 'function') {
        offline = 'connecting: the function that gives the connection has not answered yet';
        dial = startSupply({ ...bounds, make: connection, connected: attach, failed: notHad });
      } else if (connection) attach(connection);
      else {
        const servers = serverList(settings);
        dial = startDial({ ...bounds, servers, connect, credentials, connected: attach, failed: notHad });
      }
    },
    bind(connection) {
      const before = dial;
      dial = null;
      release();
      detach('disconnected, reconnecting');
      before?.close().catch(() => {});
      attach(connection);
    },
    release: () => release(),
    async close() {
      await dial?.close().catch(() => {});
    },
  };
}
