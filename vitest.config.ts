import { configDefaults, defineConfig } from 'vitest/config';

// Packages are tested from their sources: the export condition that `node --conditions=source` uses too.
// Not `import`: Vite adds it where it imports, and vitest would hand it to Node, whose require() then gets ES modules.
const conditions = ['source', 'node'];
const source = { resolve: { conditions }, ssr: { resolve: { conditions } } };

export default defineConfig({
  test: {
    projects: [
      {
        ...source,
        test: {
          name: 'unit',
          include: ['packages/*/src/**/*.test.ts', 'scripts/**/*.test.ts'],
          // Most take milliseconds. The limit is for a machine that is busy with something else.
          testTimeout: 120_000,
        },
      },
      {
        ...source,
        test: {
          name: 'server',
          include: ['test/**/*.test.ts'],
          exclude: [...configDefaults.exclude, 'test/faults-long/**', 'test/long/**'],
          globalSetup: ['test/support/global-setup.ts'],
          // A crash test waits for several recoveries; a test that hangs is told apart from one that is busy.
          testTimeout: 180_000,
          hookTimeout: 180_000,
        },
      },
      {
        // Minutes of it: `npm run test:faults`, one file at a time. `npm test` has the short form, in test/faults.
        ...source,
        test: {
          name: 'faults',
          include: ['test/faults-long/**/*.test.ts'],
          globalSetup: ['test/support/global-setup.ts'],
          testTimeout: 300_000,
          hookTimeout: 60_000,
        },
      },
      {
        // What downloads or takes long for other reasons: `npm run test:long`.
        ...source,
        test: {
          name: 'long',
          include: ['test/long/**/*.test.ts'],
          globalSetup: ['test/support/global-setup.ts'],
          testTimeout: 300_000,
          hookTimeout: 60_000,
        },
      },
    ],
    // A flaky test is a bug.
    retry: 0,
  },
});
