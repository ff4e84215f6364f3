import { globSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { configDefaults, defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';
import { TEST_MS, WAIT_MS } from './test/support/time.ts';

// Packages are tested from their sources: the export condition that `node --conditions=source` uses too.
// Not `import`: Vite adds it where it imports, and vitest would hand it to Node, whose require() then gets ES modules.
const conditions = ['source', 'node'];
const source = { resolve: { conditions }, ssr: { resolve: { conditions } } };

// Node's cache of compiled modules, for vitest's workers and for every program that a test starts: hundreds of
// processes load the same modules.
process.env['NODE_COMPILE_CACHE'] ??= join(import.meta.dirname, 'node_modules/.cache/compiled-modules');

/** `expect.poll` has the limit of every other wait; the limits of tests and hooks leave room for several of them. */
const limits = { testTimeout: TEST_MS, hookTimeout: TEST_MS, expect: { poll: { timeout: WAIT_MS, interval: 10 } } };

/** More files at a time than cores: most of them wait for a server or a process. */
const maxWorkers = Math.max(4, availableParallelism());

/** The faults take longest, so they begin first; of the others those that took longest the last time. */
class FaultsFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    // oxlint-disable-next-line unicorn/no-array-sort -- this one returns a new array
    const sorted = await super.sort(files);
    const isFault = ({ moduleId }: TestSpecification): boolean => moduleId.includes('/test/faults/');
    return [...sorted.filter(isFault), ...sorted.filter((file) => !isFault(file))];
  }
}

/** Run by commands of their own. */
const APART = ['test/long/**', 'test/faults-long/**'];

/** These look at the process that they run in, or change it, so each has one of its own. */
const ALONE = [
  'test/faults/publisher-cycles.test.ts',
  'test/publisher/{callback-context,connections,process,serverless,signals}.test.ts',
];

/** `npm test` runs a part of what these do, `npm run test:long` the whole: all that ask how much of it to do. */
const IN_PART = globSync('{packages/*/src,scripts,test}/**/*.test.ts', { cwd: import.meta.dirname }).filter((file) =>
  /\b(IS_WHOLE|partOf)\b/.test(readFileSync(join(import.meta.dirname, file), 'utf8')),
);

/** Nothing in these goes through a seam of the fast paths; what is in fast/ compares the two ways itself. */
const NOTHING_PLAIN = [
  'packages/schema/src/{config,fast,json}/**',
  // Verifiers in Python.
  'packages/schema/src/format-{bill,python,python-random}.test.ts',
  'packages/schema/src/{hash,ledger/producer-window,ledger/size-memory,message/batch-text}.test.ts',
  // Very long chains.
  'packages/schema/src/verify/size-window.test.ts',
];

export default defineConfig({
  test: {
    projects: [
      {
        ...source,
        test: {
          ...limits,
          maxWorkers,
          name: 'unit',
          include: ['packages/*/src/**/*.test.ts', 'scripts/**/*.test.ts'],
          exclude: [...configDefaults.exclude, ...APART],
          // Half of the time of `npm run test:unit` would be the loading of modules. Tests clean up after themselves.
          isolate: false,
          // Else a test of one module would find them installed only where another file ran before.
          setupFiles: ['packages/schema/src/fast/install.ts'],
        },
      },
      {
        // Without fast paths the schema does the same, slower. `npm run test:plain` runs everything so.
        ...source,
        test: {
          ...limits,
          maxWorkers,
          name: 'plain',
          include: ['packages/schema/src/**/*.test.ts'],
          exclude: [...configDefaults.exclude, ...NOTHING_PLAIN],
          env: { WAYBILL_FAST: '0' },
          // The schema has no state that a test could leave behind for another.
          isolate: false,
        },
      },
      {
        ...source,
        test: {
          ...limits,
          maxWorkers,
          name: 'server',
          include: ['test/**/*.test.ts'],
          exclude: [...configDefaults.exclude, ...APART, ...ALONE],
          globalSetup: ['test/support/global-setup.ts'],
          // Loading modules would take as long as many a test.
          isolate: false,
        },
      },
      {
        ...source,
        test: {
          ...limits,
          maxWorkers,
          name: 'server-alone',
          include: ALONE,
          globalSetup: ['test/support/global-setup.ts'],
        },
      },
      {
        // Minutes of faults: `npm run test:faults`. `npm test` has the short form, in test/faults.
        ...source,
        test: {
          ...limits,
          maxWorkers,
          name: 'faults',
          include: ['test/faults-long/**/*.test.ts'],
          globalSetup: ['test/support/global-setup.ts'],
        },
      },
      {
        // What takes minutes, or downloads: `npm run test:long`.
        ...source,
        test: {
          ...limits,
          maxWorkers,
          name: 'long',
          include: ['test/long/**/*.test.ts', ...IN_PART],
          env: { TEST_WHOLE: '1' },
          globalSetup: ['test/support/global-setup.ts'],
        },
      },
    ],
    // A flaky test is a bug.
    retry: 0,
    maxWorkers,
    sequence: { sequencer: FaultsFirst },
  },
});
