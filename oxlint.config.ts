import { defineConfig } from 'oxlint';
import { lintRules } from './scripts/rooms/lint-rules.ts';

/** Functions are limited here. Tests are not: `describe` holds a file's tests. */
const SOURCES = ['packages/*/src/**/*.ts', 'scripts/**/*.ts', 'bench/**/*.ts', 'examples/**/*.ts'];

export default defineConfig({
  plugins: ['typescript', 'unicorn', 'oxc', 'import', 'promise', 'vitest'],
  options: {
    typeAware: true,
    reportUnusedDisableDirectives: 'error',
  },
  categories: {
    correctness: 'error',
    suspicious: 'error',
  },
  rules: {
    eqeqeq: 'error',
    'no-var': 'error',
    'prefer-const': 'error',
    'no-console': 'off',
    'no-shadow': 'off',
    'no-await-in-loop': 'off',
    'no-underscore-dangle': 'off',
    'import/extensions': ['error', 'ignorePackages'],
    // Types included: two files that need each other's types are one idea, or miss a third.
    'import/no-cycle': ['error', { ignoreTypes: false }],
    'import/no-default-export': 'error',
    'import/no-unassigned-import': 'off',
    'typescript/no-explicit-any': 'error',
    'typescript/no-non-null-assertion': 'error',
    'typescript/no-floating-promises': ['error', { ignoreVoid: false }],
    'typescript/no-misused-promises': 'error',
    'typescript/await-thenable': 'error',
    'typescript/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
    'typescript/only-throw-error': 'error',
    'typescript/consistent-type-imports': 'error',
    // It rejects every narrowing `as`, even after a check that the compiler cannot see.
    'typescript/no-unsafe-type-assertion': 'off',
    // Handles come from functions here, not from classes: their methods have no `this` to lose.
    'typescript/unbound-method': 'off',
    'promise/always-return': 'off',
    // `fc.assert` and its like are how those libraries are meant to be used.
    'import/no-named-as-default-member': 'off',
    // It does not see a change made by a callback.
    'no-unmodified-loop-condition': 'off',
    // A small function reads best beside its only use, even when it closes over nothing.
    'unicorn/consistent-function-scoping': 'off',
    // Messages go to threads here. Only windows have an origin.
    'unicorn/require-post-message-target-origin': 'off',
    // The second argument is the message.
    'vitest/valid-expect': ['error', { maxArgs: 2 }],
    'vitest/expect-expect': ['error', { assertFunctionNames: ['expect', 'expect*', 'checkLedger', 'fc.assert'] }],
  },
  overrides: [
    ...lintRules(),
    { files: ['**/*.ts'], rules: { 'max-lines': ['error', { max: 350 }] } },
    {
      files: SOURCES,
      excludeFiles: ['**/*.test.ts'],
      rules: { 'max-lines-per-function': ['error', { max: 80, IIFEs: true }] },
    },
    {
      files: ['oxlint.config.ts', 'vitest.config.ts', 'test/support/global-setup.ts'],
      rules: { 'import/no-default-export': 'off' },
    },
  ],
  ignorePatterns: ['**/dist/**', '**/node_modules/**', '.cache/**', 'coverage/**'],
});
