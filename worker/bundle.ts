import { writeFile } from 'node:fs/promises';
import { BUNDLE, bundleWorkflows } from './workflow-bundle.ts';

// Part of npm run build: bundles the workflows into one file, so that workers start fast and run what was tested.
await writeFile(BUNDLE, (await bundleWorkflows()).code);
