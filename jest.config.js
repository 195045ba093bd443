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
  testSequencer: '<rootDir>/test/support/longest-first.mjs',
  // Most tests wait for a time to come: with two files at a time, two cores are idle for more than half of the time.
  // With four they are busy all the time, and calls to Temporal run into their deadlines.
  maxWorkers: 3,
  // How many tests of one file run at a time, of those that say that they may (test.concurrent).
  maxConcurrency: 20,
  // More than waitFor waits.
  testTimeout: 150_000,
};
