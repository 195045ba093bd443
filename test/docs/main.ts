import { writeFileSync } from 'node:fs';
import { format, resolveConfig } from 'prettier';
import { configurationPage } from '../support/configuration-page.ts';

// npm run docs: writes the pages that are generated from code.
const file = 'docs/configuration.md';
writeFileSync(file, await format(configurationPage(), { ...(await resolveConfig(file)), filepath: file }));
