/**
 * The rooms: the folders below each package's `src`, and what each may import.
 *
 * One rule: files at the root of `src` are the package's vocabulary and import no folder; folders import only
 * downward; siblings never import each other; there are no circles, types included. `oxlint.config.ts` turns this
 * table into lint rules, and `rooms.test.ts` checks that every folder has a row.
 *
 * A new folder gets a row below the rows that it imports.
 */

export interface Package {
  /** Files at the root of `src` that bring the rooms together, and may therefore import all of them. */
  readonly entryPoints: readonly string[];
  /** What no file of the package imports. */
  readonly bans: readonly Ban[];
  /** Folders by their path below `src`. A row may import the rows that it names, all of them above it. */
  readonly rooms: Readonly<Record<string, Room>>;
}

export interface Room {
  readonly imports: readonly string[];
  /** What no file of this room imports. */
  readonly bans?: readonly Ban[];
}

export interface Ban {
  /** A regular expression over the import's specifier, without look-around. */
  readonly specifier: string;
  /** The rule as a sentence: lint prints it. */
  readonly because: string;
  /** Unit tests may import it. */
  readonly testsMay?: boolean;
  /** The only files that may import it, by their paths below `src`. */
  readonly except?: readonly string[];
}

const noZod: Ban = {
  specifier: '^zod(/|$)',
  because: 'The ledger and its verification never import zod, nor do bills: the offline verifier runs without it.',
};

export const ROOMS: Readonly<Record<'schema' | 'publisher' | 'verify' | 'consumer' | 'client', Package>> = {
  schema: {
    entryPoints: ['index.ts', 'internal.ts', 'verify.ts'],
    bans: [
      {
        specifier: '^(@nats-io/.*|nats|@waybill/.*|pino)$',
        because: 'schema is pure: it runs in a browser, and every other package imports it.',
      },
      {
        specifier: '^node:',
        because: 'schema runs in a browser: only its tests may import modules of Node.',
        testsMay: true,
      },
    ],
    rooms: {
      config: { imports: [] },
      json: { imports: [], bans: [noZod] },
      event: { imports: ['config', 'json'] },
      'event/types': { imports: ['event'] },
      message: { imports: ['config', 'json', 'event', 'event/types'] },
      ledger: { imports: ['json', 'event', 'message'], bans: [noZod] },
      verify: { imports: ['json', 'event', 'ledger'], bans: [noZod] },
      bill: { imports: ['json', 'event', 'ledger', 'verify'], bans: [noZod] },
      fast: { imports: ['json', 'event', 'message', 'ledger', 'verify'] },
      api: { imports: ['event', 'ledger', 'verify'] },
    },
  },
  publisher: {
    entryPoints: ['index.ts', 'sinks.ts', 'instrument.ts', 'testing.ts'],
    bans: [
      {
        specifier: '^@waybill/consumer(/|$)|/consumer/src/',
        because: 'consumer → schema ← publisher: publisher and consumer never import each other.',
      },
      { specifier: '^@nats-io/jetstream$', because: 'A publisher publishes, and manages no stream.' },
    ],
    rooms: {
      signing: { imports: [] },
      event: { imports: [] },
      connection: { imports: [] },
      directory: { imports: [] },
      spool: { imports: ['directory'] },
      delivery: { imports: ['connection'] },
      queue: { imports: ['signing', 'event', 'spool', 'delivery'] },
      publisher: { imports: ['event', 'connection', 'spool', 'queue'] },
      sinks: { imports: ['signing', 'event', 'directory', 'publisher'] },
      instrument: { imports: ['event', 'sinks'] },
      adapters: { imports: ['instrument'] },
      cli: { imports: ['directory', 'spool', 'publisher', 'sinks'] },
    },
  },
  verify: {
    entryPoints: ['index.ts', 'internal.ts', 'cli.ts'],
    bans: [
      {
        specifier: '^([^.n@]|n([^o]|o[^d]|od[^e]|ode[^:])|@[^w]|@waybill/([^s]|schema(/internal)?$))',
        because: 'verify imports Node and @waybill/schema/verify: whoever installs it gets nothing else, and no zod.',
        testsMay: true,
      },
    ],
    rooms: {
      input: { imports: [] },
      judge: { imports: ['input'] },
      text: { imports: ['judge'] },
      cli: { imports: ['input', 'judge', 'text'] },
    },
  },
  consumer: {
    entryPoints: ['index.ts', 'cli.ts'],
    bans: [
      {
        specifier: '^@waybill/publisher(/|$)|/publisher/src/',
        because: 'consumer → schema ← publisher: publisher and consumer never import each other.',
      },
      { specifier: '^nats$', because: 'consumer speaks to NATS through @nats-io only.' },
      {
        specifier: '/delivery-tap\\.ts$',
        because: 'Only the writer may choose delivery-tap: nothing that verifies reads through it.',
        except: ['writer/writer-paths.ts'],
      },
    ],
    rooms: {
      config: { imports: [] },
      nats: {
        imports: ['config'],
        bans: [{ specifier: '^@waybill/', because: 'nats/ knows NATS and nothing of Waybill.' }],
      },
      access: { imports: ['config', 'nats'] },
      streams: { imports: ['config', 'nats'] },
      ledger: { imports: ['nats'] },
      audit: { imports: ['nats', 'ledger'] },
      writer: { imports: ['nats', 'streams', 'ledger', 'audit'] },
      usage: { imports: ['nats', 'ledger', 'audit'] },
      bill: { imports: ['nats', 'ledger', 'audit', 'usage'] },
      push: { imports: ['ledger', 'usage'] },
      verify: { imports: ['nats', 'ledger', 'audit'] },
      export: { imports: ['nats', 'ledger'] },
      api: { imports: ['config', 'nats', 'access', 'ledger', 'audit', 'usage', 'bill', 'verify', 'export'] },
      http: { imports: ['api'] },
      endpoints: { imports: ['nats', 'access', 'api'] },
      control: { imports: ['nats', 'ledger', 'audit'] },
      service: { imports: ['config', 'nats', 'access', 'streams', 'writer', 'bill', 'api', 'http', 'endpoints'] },
      cli: {
        imports: [
          'config',
          'nats',
          'access',
          'streams',
          'ledger',
          'usage',
          'bill',
          'push',
          'verify',
          'export',
          'control',
          'service',
        ],
      },
    },
  },
  client: {
    entryPoints: ['index.ts', 'client.ts'],
    bans: [
      {
        specifier: '^(@nats-io/.*|nats|zod(/.*)?|@waybill/(consumer|publisher|schema|schema/internal))$',
        because: 'client runs in a browser: of @waybill/schema it loads routes and node-version, and types of api.',
        testsMay: true,
      },
      {
        specifier: '^node:',
        because: 'client runs in a browser: only its tests may import modules of Node.',
        testsMay: true,
      },
    ],
    rooms: {
      http: { imports: [] },
      nats: { imports: [] },
      calls: { imports: [] },
    },
  },
};
