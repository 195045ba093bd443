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
  // Most tests wait for a time to come, so two files at a time take little more than half as long as one by one, on two
  // cores shared with Postgres, Temporal, APIs and workers.
  maxWorkers: 2,
  testTimeout: 120_000,
};
