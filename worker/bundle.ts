import { writeFile } from 'node:fs/promises';
import { BUNDLE, bundleWorkflows } from './workflow-bundle.ts';

// Part of npm run build: the workflows as one file, so that a worker starts at once and runs what was tested.
await writeFile(BUNDLE, (await bundleWorkflows()).code);
