/**
 * The `connection/` room: the way to NATS. Where a connection comes from (dial.ts, connection-supply.ts), who the
 * publisher is there (nats-identity.ts, authenticator.ts), and what is used of a connection (link.ts). Both generations
 * of the official client come in. Events and the meaning of answers never do.
 */
import { connectionFault, splitServers } from '@waybill/schema/internal';
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
  /** A try to connect failed. There will be another. */
  failed(reason: string): void;
}

const CLOSED_BY_OWNER = 'the connection was closed by its owner';

/** The connection that the publisher has at present, or why it has none. */
export class CurrentConnection {
  readonly #options: CurrentConnectionOptions;
  #link: Link | null = null;
  /** Why there is no link. */
  #offline = 'connecting';
  /** What the publisher dials itself, for messages. */
  #dialled = '';
  #wasConnected = false;
  /** Gives connections; null when the service hands over one. */
  #source: Source | null = null;
  /** Stops listening to the connection. */
  #release = (): void => {};

  constructor(options: CurrentConnectionOptions) {
    this.#options = options;
  }

  get isConnected(): boolean {
    return this.#link !== null;
  }

  /** Why it is not connected; null when it is. */
  get trouble(): PublisherStatus | null {
    if (this.#link !== null) return null;
    return { state: this.#wasConnected || !this.#source ? 'degraded' : 'connecting', reason: this.#offline };
  }

  /** Connects as the options say. */
  start(): void {
    const { settings } = this.#options;
    const { connection, connect = {} } = settings;
    const common = {
      minMs: settings.backoffMinMs,
      maxMs: settings.backoffMaxMs,
      connected: (to: ConnectionLike) => this.#attach(to),
      failed: (error: unknown) => this.#failed(error),
    };
    if (connection === 'later') this.#offline = 'no connection was bound yet';
    else if (typeof connection === 'function') {
      this.#offline = 'connecting: the function that gives the connection has not answered yet';
      this.#source = startSupply({ ...common, make: connection });
    } else if (connection) this.#attach(connection);
    else {
      const { servers, tls, identity } = serverAddress(settings);
      const credentials = identity ?? settings.credentials;
      this.#dialled = `NATS at ${servers.join(', ')}`;
      this.#source = startDial({ ...common, servers, tls, connect, credentials });
    }
  }

  /** Takes this connection instead of the present one, which is closed if it is the publisher's own. */
  bind(connection: ConnectionLike): void {
    const before = this.#source;
    this.#source = null;
    this.#dialled = '';
    this.#release();
    this.#detach(this.#disconnected);
    before?.close().catch(() => {});
    this.#attach(connection);
  }

  /** Nothing here keeps the process alive any more. */
  unref(): void {
    this.#source?.unref();
  }

  /** Stops listening to the connection. */
  release(): void {
    this.#release();
  }

  /** Closes the publisher's own connection, and opens no other. */
  async close(): Promise<void> {
    await this.#source?.close().catch(() => {});
  }

  #attach(connection: ConnectionLike): void {
    const { user, settings } = this.#options;
    const up = (): void => {
      this.#link = link;
      this.#wasConnected = true;
      user.connect(link);
    };
    const link: Link = watchConnection(
      connection,
      {
        up: () => {
          this.#source?.up();
          up();
        },
        down: () => this.#detach(this.#disconnected),
        gone: () => {
          link.release();
          this.#detach(this.#source ? 'the connection was closed, dialling again' : CLOSED_BY_OWNER);
          this.#source?.again();
        },
        denied: (denial) => user.denied(denial),
      },
      settings.inboxPrefix,
    );
    if (connection.isClosed()) this.#detach(CLOSED_BY_OWNER);
    // Between two servers a client has no info. It says `reconnect` later.
    else if (connection.info === undefined) this.#detach(this.#disconnected);
    else up();
    this.#release = () => link.release();
  }

  #detach(reason: string): void {
    this.#link = null;
    this.#offline = reason;
    this.#options.user.disconnect();
    this.#options.lost();
  }

  get #disconnected(): string {
    return `disconnected${this.#dialled && ` from ${this.#dialled}`}, reconnecting`;
  }

  #failed(error: unknown): void {
    const fault = withoutCredentials(connectionFault(error), splitServers(this.#options.settings.servers));
    this.#offline = `cannot connect${this.#dialled && ` to ${this.#dialled}`}: ${fault}`;
    this.#options.failed(this.#offline);
  }
}
