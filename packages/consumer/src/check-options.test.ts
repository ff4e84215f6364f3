/** Every public function that takes options refuses a name that it does not know, before it does anything. */
import { expect, test } from 'vitest';
import {
  checkStreams,
  DEFAULT_SETTINGS,
  deployStreams,
  openConnection,
  readConfig,
  replay,
  serve,
  startConsumer,
  usage,
  usageOfAll,
  verifyLedger,
  verifyLines,
} from './index.ts';

const nc = {} as never;
const { nats } = readConfig({});

const CALLS: Record<string, (misspelt: never) => Promise<unknown>> = {
  openConnection: (options) => openConnection(nats, options),
  checkStreams: (options) => checkStreams(nc, options),
  deployStreams: (options) => deployStreams(nc, options),
  replay: (options) => replay(nc, DEFAULT_SETTINGS, options).next(),
  serve: (options) => serve(options),
  startConsumer: (options) => startConsumer(options),
  usage: (options) => usage(nc, DEFAULT_SETTINGS, options),
  usageOfAll: (options) => usageOfAll(nc, DEFAULT_SETTINGS, options),
  verifyLedger: (options) => verifyLedger(nc, DEFAULT_SETTINGS, options),
  verifyLines: (options) => verifyLines((async function* () {})(), options),
};

test.for([
  ['openConnection', { timeout: 1 }, 'timeoutMs'],
  ['checkStreams', { ...DEFAULT_SETTINGS, replica: 3 }, 'replicas'],
  ['deployStreams', { ...DEFAULT_SETTINGS, auditMaxAgems: 3 }, 'auditMaxAgeMs'],
  ['replay', { orgId: 'acme' }, 'orgid'],
  ['serve', { configs: {} }, 'config'],
  ['startConsumer', { ...DEFAULT_SETTINGS, takeOverMs: 1 }, 'takeoverMs'],
  ['usage', { orgId: 'acme' }, 'orgid'],
  ['usageOfAll', { From: '2026-07-01' }, 'from'],
  ['verifyLedger', { expects: new Map() }, 'expect'],
  ['verifyLines', { fromseq: 2 }, 'fromSeq'],
] as const)('%s', async ([name, misspelt, meant]) => {
  await expect(CALLS[name]?.(misspelt as never)).rejects.toMatchObject({
    code: 'BAD_ARGUMENT',
    message: expect.stringMatching(new RegExp(`^${name}: \\w+ is no option: did you mean ${meant}\\?$`)),
  });
});

test('openConnection looks at its settings too', async () => {
  await expect(openConnection({ ...nats, pass: 'x' } as never)).rejects.toMatchObject({
    code: 'BAD_ARGUMENT',
    message: expect.stringContaining('openConnection: pass is no option'),
  });
});
