/** Run by test/run.ts, which brings up Postgres and Temporal first. */
export default {
  testEnvironment: 'node',
  testMatch: ['<rootDir>/test/**/*.test.ts'],
  extensionsToTreatAsEsm: ['.ts'],
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      { jsc: { target: 'es2022', parser: { syntax: 'typescript' } }, module: { type: 'es6' } },
    ],
  },
  setupFiles: ['<rootDir>/test/support/check-answers.ts'],
  // Two slow cores, shared with Postgres, Temporal, APIs and workers: one test file at a time is the fastest.
  maxWorkers: 1,
  testTimeout: 120_000,
};
