/** The variables with which test/run.ts passes its servers to the tests. */
export const VARIABLES = {
  postgresUrl: 'TEST_POSTGRES_URL',
  temporalAddress: 'TEST_TEMPORAL_ADDRESS',
  folder: 'TEST_FOLDER',
} as const;

/** The name of the OpenAPI document in that folder. */
export const DOCUMENT_FILE = 'openapi.json';

/** The migrated database. Each test file gets a copy of it. */
export const TEMPLATE_DATABASE = 'scheduler_template';

/** The value of a variable. @throws Error if jest was not started by test/run.ts */
export function fromRunner(name: keyof typeof VARIABLES): string {
  const value = process.env[VARIABLES[name]];
  if (!value) throw new Error('These tests need servers; run them with "npm test -- <path>".');
  return value;
}
