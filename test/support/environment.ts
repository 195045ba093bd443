/** What test/run.ts tells the tests about the servers that it started. */
export const VARIABLES = {
  postgresUrl: 'TEST_POSTGRES_URL',
  temporalAddress: 'TEST_TEMPORAL_ADDRESS',
  folder: 'TEST_FOLDER',
} as const;

/** Where the OpenAPI document is, in that folder. */
export const DOCUMENT_FILE = 'openapi.json';

/** The migrated database of which each test gets a copy. */
export const TEMPLATE_DATABASE = 'scheduler_template';

/** One of the above. @throws Error when jest was not started by test/run.ts */
export function fromRunner(name: keyof typeof VARIABLES): string {
  const value = process.env[VARIABLES[name]];
  if (!value) throw new Error('These tests need servers; run them with "npm test -- <path>".');
  return value;
}
