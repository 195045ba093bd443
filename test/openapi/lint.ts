import { createConfig, formatProblems, getTotals, lintFromString } from '@redocly/openapi-core';
import { createOpenApiDocument } from '../../api/rest/openapi.ts';
import { operations } from '../../api/routes/index.ts';
import { VERSION } from '../../api/version.ts';

// npm run check:openapi: lints the document with Redocly's strictest rules, with every warning an error.
const config = await createConfig({
  extends: ['recommended-strict'],
  // Probes have no such answers.
  rules: { 'operation-4xx-response': 'off' },
});
const problems = await lintFromString({
  source: JSON.stringify(createOpenApiDocument(operations, VERSION), null, 2),
  absoluteRef: 'openapi.json',
  config,
});
if (problems.length > 0) {
  formatProblems(problems, { format: 'stylish', totals: getTotals(problems), version: '' });
  process.exit(1);
}
