import { createRequire } from 'node:module';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

// package.json is in the parent folder of this one, or, in dist/, one level further up.
const candidates = ['../package.json', '../../package.json'].map((path) =>
  fileURLToPath(new URL(path, import.meta.url)),
);
const file = candidates.find((path) => existsSync(path));
if (!file) throw new Error('package.json is missing');

/** The version of this service. */
export const VERSION = (createRequire(import.meta.url)(file) as { version: string }).version;
