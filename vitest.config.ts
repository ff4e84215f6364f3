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

/** `npm test` runs a part of what these do, `npm run test:long` the whole. */
const IN_PART = [
  'packages/*/src/**/million-values.test.ts',
  'test/faults/publisher-cycles.test.ts',
  'test/faults/publisher-memory.test.ts',
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
          // What is in fast/ compares the two ways itself.
          exclude: [
            ...configDefaults.exclude,
            ...IN_PART,
            'packages/schema/src/fast/**',
            // A verifier in Python, which takes the longest and has no fast paths.
            'packages/schema/src/format-python*.test.ts',
          ],
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
          exclude: [...configDefaults.exclude, ...APART],
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
